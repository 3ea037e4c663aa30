"""The families of audited models that are loaded or trained, one file each."""

from mint_utils.audited.adaface import open_adaface
from mint_utils.audited.facenet import open_facenet
from mint_utils.audited.insightface import open_insightface
from mint_utils.audited.iresnet import open_iresnet
from mint_utils.audited.mobilefacenet import open_mobilefacenet
from mint_utils.audited.onnx import open_onnx
from mint_utils.audited.own import open_own

FAMILIES = {
    "iresnet": open_iresnet,
    "facenet": open_facenet,
    "insightface": open_insightface,
    "adaface": open_adaface,
    "mobilefacenet": open_mobilefacenet,
    "onnx": open_onnx,
    "own": open_own,
}

"""The map of embeddings as a piece of HTML: hover over a point and see the face.

Two principal components, all images as one picture, and over it a sample of points that are HTML
elements with a thumbnail each. Style sheets do the hovering: no script, nothing from the network.
"""

import io
from dataclasses import dataclass
from html import escape

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.decomposition import PCA

from mint_utils.explorer.material import Material
from mint_utils.explorer.pictures import data_uri
from mint_utils.explorer.selection import Choice
from mint_utils.figures.explorer import embedding_scatter
from mint_utils.figures.style import ROLE_COLOURS

THUMBNAIL, MOST = 64, 160  # pixels a side; points with a thumbnail
WIDTH, HEIGHT = 5.5, 4.0  # inches
STYLE = """<style>
.mint-map { position: relative; max-width: 760px; margin: 0 auto; background: #fff; color: #222;
  border-radius: 8px; }
.mint-map > img { display: block; width: 100%; border-radius: 8px; }
.mint-map i { position: absolute; width: 11px; height: 11px; margin: -6px 0 0 -6px;
  border-radius: 50%; border: 1.5px solid #fff; box-sizing: border-box; }
.mint-map i:hover { z-index: 9; border-color: #000; transform: scale(1.3); }
.mint-map span { display: none; position: absolute; bottom: 9px; left: -32px; padding: 3px;
  background: #fff; color: #222; border: 1px solid #888; border-radius: 6px; width: 76px;
  font: 10px/1.25 sans-serif; text-align: center; overflow-wrap: anywhere; pointer-events: none; }
.mint-map span img { width: 64px; height: 64px; display: block; margin: 0 auto 2px; }
.mint-map i:hover span { display: block; }
.mint-map i.low span { bottom: auto; top: 9px; }
.mint-map i.first span { left: -4px; } .mint-map i.last span { left: -64px; }
.mint-map b { position: absolute; width: 22px; height: 22px; margin: -11px 0 0 -11px;
  border-radius: 50%; border: 3px solid; box-sizing: border-box; pointer-events: none;
  box-shadow: 0 0 0 2px #fff, inset 0 0 0 2px #fff; }
@media (max-width: 600px) {
  .mint-map i { width: 7px; height: 7px; margin: -4px 0 0 -4px; border-width: 1px; }
  .mint-map b { width: 14px; height: 14px; margin: -7px 0 0 -7px; border-width: 2px; }
}
</style>"""


@dataclass(frozen=True)
class EmbeddingMap:
    """Places of all images, how much of the variance they show, and the HTML without marks."""

    points: np.ndarray  # (n, 2) in the unit square, the second from above
    explained: float
    html: str


def project(embeddings: np.ndarray) -> tuple[np.ndarray, float]:
    """Two principal components (n, 2) of embeddings (n, d), and their share of the variance.

    Taught in notebook 06.
    """
    pca = PCA(2, svd_solver="randomized", random_state=0)
    points = pca.fit_transform(embeddings)
    return points, float(pca.explained_variance_ratio_.sum())


def embedding_map(material: Material) -> EmbeddingMap:
    """Draw the map of a material: slow (a second or so), once for each report."""
    points, explained = project(material.audited.vector("outcome"))
    figure = Figure(figsize=(WIDTH, HEIGHT))
    ax = figure.add_axes([0, 0, 1, 1])
    embedding_scatter(points, material.faces.table["role"].to_numpy(), ax)
    ax.set_axis_off()
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    unit = (points - low) / (high - low)
    unit[:, 1] = 1 - unit[:, 1]
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=140, facecolor="white")
    alt = "Map of all embeddings in two principal components, coloured by role"
    back = f'<img alt="{alt}" src="{data_uri(buffer.getvalue(), "png")}">'
    points_told = "".join(_point(material, row, *unit[row]) for row in sampled(material))
    return EmbeddingMap(unit, explained, back + points_told)


def sampled(material: Material, most: int = MOST) -> np.ndarray:
    """Rows with a thumbnail: some of each side, the same every time."""
    rng, rows = np.random.default_rng(0), []
    for side in (0, 1):
        there = np.flatnonzero(material.on_side(side))
        rows.append(rng.choice(there, min(most // 2, len(there)), replace=False))
    return rng.permutation(np.concatenate(rows))


def marked(drawn: EmbeddingMap, material: Material, choice: Choice) -> str:
    """The whole piece of HTML, with rings around the images that are shown."""
    rings = []
    for side, shown in enumerate(choice.shown):
        images = [shown.image] if shown.image else material.photographs(side, shown.identity)
        colour = ROLE_COLOURS[material.sides[side]]
        for image in images:
            x, y = drawn.points[material.row_of[image]]
            rings.append(f'<b style="left:{x:.2%};top:{y:.2%};border-color:{colour}"></b>')
    return f'{STYLE}<div class="mint-map">{drawn.html}{"".join(rings)}</div>'


def _point(material: Material, row: int, x: float, y: float) -> str:
    image = material.faces.table.iloc[row]
    face = material.face(row)
    picture = ""
    if face is not None:
        picture = f'<img alt="" src="{data_uri(_jpeg(face), "jpeg")}">'
    told = escape(image["image_id"].rpartition("/")[2])
    side = "first" if x < 0.1 else "last" if x > 0.9 else ""
    side += " low" if y < 0.3 else ""
    style = f"left:{x:.2%};top:{y:.2%};background:{ROLE_COLOURS[image['role']]}"
    told = f"{escape(image['identity'])} {told}"
    return f'<i class="{side}" style="{style}"><span>{picture}{told}</span></i>'


def _jpeg(face: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(face).resize((THUMBNAIL, THUMBNAIL)).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()

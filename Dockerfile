# The study for those without Python: JupyterLab on the notebooks, and the command line. CPU only.
# The explorer is notebook 06; `explore`, `pdf` and DP-SGD need the study installed (extras of pyproject.toml).
#   docker build -t mint-study .
#   docker run --rm -p 127.0.0.1:8888:8888 -v mint-study:/mint mint-study
#   docker run --rm -v mint-study:/mint mint-study mint-study run synthetic
FROM python:3.11-slim

# Wheels without CUDA are a tenth of the size; for a GPU name the index of another build.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "torch>=2.6,<3" "torchvision>=0.21,<1"

RUN useradd --create-home --uid 1000 mint && install --directory --owner mint /mint
WORKDIR /home/mint/study
COPY --chown=mint pyproject.toml README.md LICENSE ./
COPY --chown=mint data/README.md data/
COPY --chown=mint mint_utils mint_utils/
COPY --chown=mint notebooks notebooks/
RUN pip install --no-cache-dir --editable ".[onnx,photos]" && chown mint .

# Everything that outlives a container is in one volume: faces and weights, caches, reports.
ENV MINT_DATA=/mint/data MINT_CACHE=/mint/cache MINT_REPORTS=/mint/reports
VOLUME /mint
EXPOSE 8888
USER mint
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "notebooks"]

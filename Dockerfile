# The images of a run on Dataflow: target `worker` for its workers, target `launcher` for the Flex Template. See dataflow/README.md.
#
#   docker build --target worker --tag WORKER_IMAGE .
#   docker build --target launcher --tag LAUNCHER_IMAGE .
#
# Build arguments (--build-arg NAME=VALUE):
#   BEAM_VERSION    Apache Beam of image and launcher. Who launches by the plain command line needs the same one installed.
#   PYTHON_VERSION  the same holds for it
#   LAUNCHER_BASE   Google's image that the template's launcher is taken from, of the same Python
#   CPU             what kernels are compiled for: x86-64-v3 runs on all of Google's x86 machines but the oldest n1; `generic` on
#                   every one, more slowly
#
# No key is inside: workers fetch it from Secret Manager.
ARG BEAM_VERSION=2.77.0
ARG PYTHON_VERSION=3.11
ARG LAUNCHER_BASE=gcr.io/dataflow-templates-base/python311-template-launcher-base:latest

FROM ${LAUNCHER_BASE} AS template_launcher

FROM apache/beam_python${PYTHON_VERSION}_sdk:${BEAM_VERSION} AS worker
ARG BEAM_VERSION
ARG CPU=x86-64-v3
WORKDIR /opt/tfdeid
COPY setup.py pyproject.toml README.md LICENSE ./
COPY tfdeid tfdeid
COPY beam beam
COPY configs configs
COPY dataflow/requirements.txt dataflow/
# Without what is for training, attacks and reports: TensorFlow alone is 2 GB of an image.
RUN pip install --no-cache-dir "apache-beam[gcp]==${BEAM_VERSION}" -r dataflow/requirements.txt \
    && pip install --no-cache-dir --no-deps .
# Not where the sources lie, since those would be imported, and not what is installed.
WORKDIR /opt
# numba takes compiled kernels for stale where the processor differs from the building machine's, so its name is fixed; and where
# a source's time differs, of which image layers may lose the fractions of a second, so the times are whole seconds.
ENV NUMBA_CACHE_DIR=/opt/numba NUMBA_CPU_NAME=${CPU} NUMBA_CPU_FEATURES=
COPY dataflow/compile_kernels.py /opt/
RUN find "$(python -c 'import pathlib, tfdeid; print(pathlib.Path(tfdeid.__file__).parent)')" -name '*.py' \
        -exec touch --date=2020-01-01T00:00:00Z {} + \
    && python compile_kernels.py
ENTRYPOINT ["/opt/apache/beam/boot"]

FROM worker AS launcher
COPY --from=template_launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
COPY dataflow/launch.py /template/
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/template/launch.py
ENTRYPOINT ["/opt/google/dataflow/python_template_launcher"]

"""Packaging of tfdeid. Every dependency gives its reason."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "tfdeid" / "__init__.py").read_text()).group(1)

setup(
    name="tfdeid",
    version=VERSION,
    description="Structural image de-identification for TFDS datasets, with Apache Beam, tf.data and Keras",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    # configs/ lies at the top, where people look for it, and travels as package data.
    packages=[*find_packages(include=["tfdeid*", "beam*"]), "tfdeid.configs"],
    package_dir={"tfdeid.configs": "configs"},
    package_data={
        "tfdeid.configs": ["*.yaml"],
        **{f"tfdeid.{pages}": ["templates/*.jinja"] for pages in ("pages", "attack", "compare")},
    },
    entry_points={"console_scripts": ["tfdeid=tfdeid.cli:main"]},
    install_requires=[
        "numpy>=1.26",  # images and vector images are arrays
        "numba>=0.60",  # compiles the tracer and the painter
        "pillow>=10.1",  # the one image decoder, and bicubic resizing
        "isal>=1.7",  # compresses the records' PNG in a fifth of zlib's time
        # The order-preserving encryption that the method is defined by. Its last release is of 2022: its generator of
        # hypergeometric numbers and its search are what our tables must equal, so it is pinned, and the oracle of the tests.
        "pyope==0.2.2",
        "cryptography>=42",  # HKDF for subkeys; pyope needs it too
        "scikit-image>=0.24",  # carries the bundled sample; SSIM
        "scipy>=1.11",  # filters, assignment and clustering of attacks; scikit-image needs it too
        "pyyaml>=6",  # configuration files
        "simple-parsing>=0.1.7",  # command lines from dataclasses; TFDS needs it too
        "tqdm>=4.66",  # progress lines; TFDS needs it too
        "etils[epath]>=1.9",  # one path type for local and remote folders; TFDS needs it too
        "tensorflow>=2.18",  # tf.data, training, networks of attackers; de-identification works without
        "keras>=3.6",  # networks, losses and optimizers; TensorFlow brings it, and we import it ourselves
        "protobuf>=4.25",  # the errors of damaged records; TFDS brings it, and we import it ourselves
        "tensorboard>=2.18",  # the curves of a training run: its protocol buffers
        "matplotlib>=3.8",  # plots of reports
        "jinja2>=3.1",  # pages of reports, with everything escaped that is not ours
        "tensorflow-datasets>=4.9.8",  # reads sources, writes and reads the result
        "importlib_resources>=6",  # TFDS imports it without declaring it
        "array_record>=0.5; platform_system == 'Linux'",  # the format with random access
        # The pipeline. Of its own parser, which has no public name, we ask which options there are: bounded, until
        # tests/pipeline/test_beam_options.py has passed with a newer one.
        "apache-beam>=2.60,<2.78",
        "pyarrow>=14",  # reads Parquet files of images; Beam brings it, and we import it ourselves
        "google-crc32c>=1.5",  # the checksums of TFRecord files and of shards
    ],
    extras_require={
        "cairo": ["cairocffi>=1.6"],  # the painter that is bit-equal to cairosvg; needs Debian's libcairo2
        # The reader of texts: PP-OCRv4, whose models lie in its wheel.
        "ocr": ["rapidocr-onnxruntime>=1.4; python_version < '3.13'"],
        # The face recogniser of re-identification: the weights, and what finds faces and their landmarks.
        "faces": ["face_recognition_models>=0.3", "dlib-bin>=19.24"],
        "gcp": ["apache-beam[gcp]", "google-cloud-secret-manager"],  # Dataflow, gs:// paths, keys in Secret Manager
        "gpu": ["tensorflow[and-cuda]"],  # training
        "fhe": ["seal-python>=4.4"],  # inference on encrypted images: Microsoft SEAL
        # Differentially private training: clipped gradients and noise; how much privacy they spend.
        "dp": ["jax>=0.4.34", "grain>=0.2.3", "jax-privacy>=2; python_version >= '3.11'", "dp-accounting>=0.6"],
        "jax": ["jax>=0.4.34", "grain>=0.2.3"],  # training on JAX, and its data without TensorFlow
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",  # two cores at once halve the time
            "apache-beam[dask]",  # the distributed engine that tests run on
            "hypothesis>=6",  # property tests
            "pytest-benchmark>=4",  # tests/benchmarks
            "jax>=0.4.34",  # the extra jax
            "grain>=0.2.3",  # the extra jax
            "jax-privacy>=2; python_version >= '3.11'",  # the extra dp
            "dp-accounting>=0.6",  # the extra dp
            "seal-python>=4.4",  # the extra fhe
            "prv-accountant>=0.2",  # what epsilon is checked against
            "webdataset>=0.2",  # writes the archives that reading wds: is checked against
            "datasets>=3",  # writes the Parquet files that reading parquet: is checked against
            "scikit-learn>=1.4",  # what figures of classifiers, identification and verification are checked against
            "selenium>=4.20",  # drives a browser, in which pages of reports are looked at
            "face_recognition_models>=0.3",  # the extra faces
            "rapidocr-onnxruntime>=1.4; python_version < '3.13'",  # the extra ocr
            "dlib-bin>=19.24",  # the extra faces; what the face recogniser's vectors are checked against
            "cairocffi>=1.6",  # the cairo backend
            "cairosvg>=2.7",  # what painting is checked against
            "import-linter>=2.4",  # imports go one way
            "ruff>=0.6",  # lint and format
            "mypy>=1.11",  # type check
            "types-PyYAML",  # stubs
            "types-tqdm",  # stubs
        ],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "License :: OSI Approved :: Apache Software License",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
)

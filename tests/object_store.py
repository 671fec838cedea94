"""A server on loopback that speaks S3, and its buckets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import s3fs
from moto.server import ThreadedMotoServer


@contextmanager
def run_store() -> Iterator[s3fs.S3FileSystem]:
    """Run the server, and point the environment of this process and its workers to it."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "anyone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        # Without credentials, the library would ask a server of Amazon's own machines.
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        forget_connections()
        try:
            yield s3fs.S3FileSystem()
        finally:
            server.stop()
            forget_connections()


def forget_connections() -> None:
    """Forget open connections, which do not notice that the environment has changed."""
    s3fs.S3FileSystem.clear_instance_cache()


def upload(store: s3fs.S3FileSystem, folder: Path, bucket: str) -> str:
    """Copy a folder into a new bucket; return its URL."""
    store.mkdir(bucket)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    store.pipe({f"{bucket}/set/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files})
    return f"s3://{bucket}/set"

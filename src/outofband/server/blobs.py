"""The Blob service from the settings: where its objects are, and where clients find it."""

from __future__ import annotations

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.server.settings import Settings
from outofband.storage.files import Files
from outofband.storage.objects import Objects
from outofband.storage.s3 import S3
from outofband.storage.service import Storage
from outofband.store.store import Store
from outofband.wire.storage.sigv4 import Credentials

ACCOUNT = "{account}"


async def open_storage(settings: Settings, state: StateDir, store: Store) -> Storage:
    """Raises Fault SettingsInvalid, or ObjectStoreBusy when the S3 store refuses us."""
    return Storage(store, await _objects(settings, state), endpoint=settings.blob_endpoint)


async def _objects(settings: Settings, state: StateDir) -> Objects:
    chosen = settings.blob_store
    if not chosen:
        return Files(state.control / "blobs")
    url = urlsplit(chosen)
    if not url.scheme and Path(chosen).is_absolute():
        return Files(Path(chosen))
    if url.scheme not in ("http", "https") or not url.hostname or not url.path.strip("/") or url.query:
        detail = "blob_store has to be a folder, or https://HOST/BUCKET of an S3 store"
        raise Fault("SettingsInvalid", path="blob_store", detail=detail)
    try:
        secret = Path(settings.blob_store_secret_file).read_text().strip()
        trust = ssl.create_default_context(cafile=settings.blob_store_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        detail = f"blob_store_secret_file or blob_store_ca_file: {error}"
        raise Fault("SettingsInvalid", path="blob_store", detail=detail) from error
    opened = S3(
        chosen,
        Credentials(access_key=settings.blob_store_key, secret_key=secret, region=settings.blob_store_region),
        verify=trust,
    )
    try:
        await opened.prepare()
    except BaseException:
        await opened.close()
        raise
    return opened

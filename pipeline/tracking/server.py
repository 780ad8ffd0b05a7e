"""An MLflow server: whether it answers, lets us in, is new enough, and keeps artifacts where we can write.

Light, as store is: one look of some milliseconds, and MLflow's own client would take seconds for it.
"""

import base64
import http.client
import importlib.metadata
import json
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import certifi

from pipeline.tracking import store
from pipeline.tracking.store import StoreError

API = "/api/2.0/mlflow"
DENIED = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to what it lets in"
# by what an error's text holds, Python's own or MLflow's
ADVICE = {
    "Connection refused": "start it, or unset MLFLOW_TRACKING_URI to use mlflow.db",
    "Invalid Host header": "it runs; start it with --allowed-hosts naming the host of MLFLOW_TRACKING_URI",
    **dict.fromkeys(("Error 401", "Error 403", "error code 401", "error code 403", "PERMISSION_DENIED"), DENIED),
    "CERTIFICATE_VERIFY_FAILED": "let MLFLOW_TRACKING_SERVER_CERT_PATH name its authority's certificate, "
    "or trust any by MLFLOW_TRACKING_INSECURE_TLS=true",
    "WRONG_VERSION_NUMBER": "it does not speak https; write http:// in MLFLOW_TRACKING_URI",
    "timed out": "it is slow, hangs, or a firewall stands between; MLFLOW_HTTP_REQUEST_TIMEOUT=60 waits longer",
    "Error 5": "it runs, and its own log says why; or unset MLFLOW_TRACKING_URI to use mlflow.db",
}
# where MLflow's client finds credentials that are not in the environment
ELSEWHERE = (".mlflow/credentials", ".netrc", "_netrc")
# the package by which artifacts are written to a place
PACKAGES = {"s3": "boto3", "gs": "google-cloud-storage", "wasbs": "azure-storage-blob"}


def check() -> None:
    """Raise StoreError, within TIMEOUT seconds a request, where a run could not be logged to the end."""
    status, text = _ask(f"{API}/experiments/get-by-name?experiment_name={store.EXPERIMENTS}")
    if status in (401, 403):
        if "Invalid Host header" in text:
            raise out_of_reach(ValueError(text))
        if not _authorization() and any((Path.home() / name).exists() for name in ELSEWHERE):
            return  # MLflow's client may know more
        raise out_of_reach(ValueError(f"HTTP Error {status}"))
    answer = _parsed(text)
    if not answer:
        raise out_of_reach(ValueError(f"what answers there (HTTP status {status}) is no MLflow server"))
    _check_version()
    if "experiment" not in answer:  # not made yet: where the server's own one has its artifacts, ours will have them
        answer = _parsed(_ask(f"{API}/experiments/get?experiment_id=0")[1])
    _check_artifacts(answer.get("experiment", {}).get("artifact_location", ""))


def out_of_reach(error: BaseException) -> StoreError:
    """Return what is said of a server that does not answer as it should, with what is to be done."""
    advice = next((advice for part, advice in ADVICE.items() if part in str(error)), store.NAME_IT)
    return store.out_of_reach(error, advice)


def _ask(path: str) -> tuple[int, str]:
    """Return status and text of an answer. Raises StoreError where there is none, or the server says it is broken."""
    try:
        request = urllib.request.Request(store.name().rstrip("/") + path)
        if said := _authorization():
            request.add_unredirected_header("Authorization", said)
        timeout = float(os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") or store.TIMEOUT)
        with urllib.request.urlopen(request, timeout=timeout, context=_trust()) as answer:
            return answer.status, answer.read(100_000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= 500:
                raise out_of_reach(error) from None
            return error.code, error.read(100_000).decode(errors="replace")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise out_of_reach(error) from None


def _authorization() -> str:
    """Return the header that MLflow's client sends: of the address, else of the environment."""
    user, _, password = store.uri().partition("://")[2].rpartition("@")[0].partition(":")
    user, password = urllib.parse.unquote(user), urllib.parse.unquote(password)
    if not (user and password):
        user, password = (os.environ.get(f"MLFLOW_TRACKING_{key}", "") for key in ("USERNAME", "PASSWORD"))
    if user and password:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else ""


def _trust() -> ssl.SSLContext | None:
    """Return whose certificates are trusted: the same as by requests, through which MLflow's client speaks."""
    if not store.uri().startswith("https://"):
        return None
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        context = ssl._create_unverified_context()
    else:
        keys = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        key = next(filter(os.environ.get, keys), None)
        place = Path(os.environ[key] if key else certifi.where())
        if not place.exists():
            raise StoreError(f"{key} is {place}, which does not exist")
        folder = place.is_dir()
        context = ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)
    if own := os.environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH"):
        context.load_cert_chain(own)
    return context


def _parsed(text: str) -> dict[str, Any]:
    """Return the object that an answer's JSON holds, or an empty one."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _check_version() -> None:
    """Raise StoreError for an MLflow before 3: it knows no logged models, and publish would stop half-way."""
    status, text = _ask("/version")
    found = text.strip()
    if status != 200 or not re.fullmatch(r"\d+\.[\w.]+", found):  # a proxy may let only the API through
        status, text = _ask(f"{API}/logged-models/none")
        found = "2" if status == 404 and "RESOURCE_DOES_NOT_EXIST" not in text else "3"
    if int(found.partition(".")[0]) < 3:
        raise StoreError(
            f"the MLflow store {store.name()} is a server of MLflow {found}; needed is 3 or newer: "
            "upgrade it, or unset MLFLOW_TRACKING_URI to use mlflow.db"
        )


def _check_artifacts(location: str) -> None:
    """Raise StoreError where artifacts go to a disk that is not this machine's, or by a package that is not here."""
    scheme, _, path, _, _ = urllib.parse.urlsplit(location)
    if package := PACKAGES.get(scheme):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            what = f"the MLflow store {store.name()} keeps artifacts in {location}, and {package}"
            raise store.not_installed(what, package) from None
    if scheme not in ("", "file") or not path:
        return
    place = Path(urllib.parse.unquote(path))
    made = [folder for folder in (place, *place.parents[:2]) if folder.is_dir() and folder != Path("/")]
    if not made or not os.access(made[0], os.W_OK):  # of a server on this machine one of them is there
        raise StoreError(
            f"the MLflow store {store.name()} keeps artifacts in {location}, on its own disk, which this machine "
            "cannot write: start it without --no-serve-artifacts (experiments that are there keep their place), or "
            "unset MLFLOW_TRACKING_URI to use mlflow.db"
        )

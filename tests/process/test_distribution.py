"""The version of a service is that of the installed distribution that holds it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from platform_otel.config import PARENT_SERVICE_NAME
from platform_otel.process.distribution import normalised, version_of_module, version_of_script
from platform_otel.process.resource import costly_attributes
from tests.process.support import IDENTITY, install, span_of
from tests.receiver import Receiver


def test_a_module_is_of_the_distribution_that_installed_its_file(tmp_path: Path) -> None:
    install(tmp_path, "acme-identity", "1.0", ["acme/identity/main.py"])
    install(tmp_path, "acme-meter", "2.0+local.1", ["acme/meter/__init__.py"])
    install(tmp_path, "acme", "3.0", ["something_else.py"])
    path = [str(tmp_path / "empty"), str(tmp_path)]

    assert version_of_module("acme.identity.main", path) == "1.0"
    assert version_of_module("acme.identity.main.create_app", path) == "1.0"
    assert version_of_module("acme.meter", path) == "2.0+local.1"
    assert version_of_module("acme.gate", path) == ""
    assert version_of_module("acme", path) == ""


@pytest.mark.parametrize("source", ["", "src"])
def test_an_editable_installation_is_of_its_projects_folder(tmp_path: Path, source: str) -> None:
    project, site = tmp_path / "my project", tmp_path / "site"
    for folder in (project / source, project / "tests"):
        (folder / "identity").mkdir(parents=True)
        (folder / "identity" / "main.py").touch()
    install(site, "acme-identity", "1.0", editable=str(project).replace(" ", "%20"))
    install(site, "broken", "1.0", editable='"')

    assert version_of_module("identity.main", [str(project / source), str(site)]) == "1.0"
    assert version_of_module("identity.main", [str(project / "tests"), str(site)]) == ""


@pytest.mark.parametrize(
    "written, compared",
    [("Acme.Identity", "acme-identity"), ("acme__identity", "acme-identity"), ("acme-_.identity", "acme-identity")],
)
def test_names_of_distributions_are_compared_as_the_index_does(written: str, compared: str) -> None:
    assert normalised(written) == compared


def test_what_setuptools_leaves_in_a_source_folder_counts_too(tmp_path: Path) -> None:
    metadata = tmp_path / "acme_identity.egg-info"
    metadata.mkdir()
    (metadata / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: acme-identity\nVersion: 1.0\n")
    (metadata / "top_level.txt").write_text("identity\n")
    (tmp_path / "identity.py").touch()

    assert version_of_module("identity", [str(tmp_path)]) == "1.0"


def test_a_console_script_is_of_the_distribution_that_offers_it(environment_of_packages: Path) -> None:
    path = ["/no/such/folder", str(environment_of_packages)]

    assert version_of_script("server", path) == "1.4.0"
    assert version_of_script("no", path) == ""


@pytest.mark.parametrize(
    "argv, environ, expected",
    [
        (["python", "/venv/bin/uvicorn", "identity.main:app"], {}, "1.4.0"),
        (["python", "/venv/bin/celery", "-A", "identity", "worker"], {}, "1.4.0"),
        (["python", "manage.py"], {"DJANGO_SETTINGS_MODULE": "identity.settings"}, "1.4.0"),
        (["python", "/venv/bin/server"], {}, "1.4.0"),
        (["python", "-c", "pass"], {PARENT_SERVICE_NAME: "identity"}, "1.4.0"),
        (["python", "-c", "pass"], {PARENT_SERVICE_NAME: "server"}, "1.4.0"),
        (["python", "-c", "pass"], {}, None),
        (["python", "services/identity/app.py"], {}, None),
        (["python", "/venv/bin/uvicorn", "main:app"], {}, None),
        (["python", "-m", "http.server"], {}, None),
    ],
)
def test_the_version_is_that_of_the_applications_distribution(
    environment_of_packages: Path,
    monkeypatch: pytest.MonkeyPatch,
    argv: Sequence[str],
    environ: Mapping[str, str],
    expected: str | None,
) -> None:
    monkeypatch.setattr(sys, "path", [str(environment_of_packages)])

    assert costly_attributes(environ, argv).get("service.version") == expected


def test_what_is_no_folder_on_the_path_does_no_harm(
    environment_of_packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [b"/bytes", None, "\0", "", "/no/such/folder", str(environment_of_packages)])

    assert costly_attributes({}, IDENTITY)["service.version"] == "1.4.0"
    assert costly_attributes({}, ["python", "/venv/bin/server"])["service.version"] == "1.4.0"


def test_an_installed_script_called_like_many_others_is_named_by_what_it_calls(
    receiver: Receiver, environment_of_packages: Path
) -> None:
    script = environment_of_packages / "bin" / "server"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom identity.main import run\nsys.exit(run())\n")
    script.chmod(0o755)
    (environment_of_packages / "identity/main.py").write_text("from child_task import work as run\n")
    span = span_of(receiver, str(script), cwd=environment_of_packages)

    assert (span.service, span.resource["service.version"]) == ("identity", "1.4.0")

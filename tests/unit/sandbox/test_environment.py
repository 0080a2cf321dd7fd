"""What the deployed app is told about the sandbox."""

from pathlib import Path

from sandbox.environment import AzureEndpoints, app_environment, write_ca_bundle

AZURE = AzureEndpoints("https://127.0.0.1:1", "/ca.pem", "https://127.0.0.1:1/id", "h", "/k")


def test_the_app_is_told_by_settings_alone():
    """Endpoints, authorities and identity: what a sovereign cloud sets too."""
    told = app_environment(AZURE, "conn", Path("/b.pem"), [Path("/a"), Path("/b")], {})
    assert "conn" == told["AzureWebJobsStorage"]
    assert "/b.pem" == told["REQUESTS_CA_BUNDLE"] == told["SSL_CERT_FILE"]
    assert ("https://127.0.0.1:1/id", "h") == (
        told["IDENTITY_ENDPOINT"],
        told["IDENTITY_HEADER"],
    )
    assert "https://127.0.0.1:1" == told["NIGHTSHIFT_RESOURCE_MANAGER"]
    assert "https://127.0.0.1:1/metrics" == told["NIGHTSHIFT_METRICS_ENDPOINT"]
    assert "https://127.0.0.1:1/ingestion" == told["NIGHTSHIFT_INGESTION_ENDPOINT"]
    assert told["NIGHTSHIFT_OUTCOME_TOPIC"].startswith("https://127.0.0.1:1/eventgrid/")
    assert "https://127.0.0.1:1/entra" == told["NIGHTSHIFT_SIGN_IN"]
    again = app_environment(AZURE, "conn", Path("/b.pem"), [], {})
    assert again["NIGHTSHIFT_LINK_KEYS"] != told["NIGHTSHIFT_LINK_KEYS"]
    assert "/a,/b" == told["NIGHTSHIFT_RULES"]


def test_a_setting_given_by_hand_wins():
    """`--env` is for trying another value of anything."""
    told = app_environment(AZURE, "conn", Path("/b"), [], {"NIGHTSHIFT_RULES": "/mine"})
    assert "/mine" == told["NIGHTSHIFT_RULES"]


def test_the_bundle_holds_the_public_authorities_and_ours(tmp_path):
    """With ours alone, every other HTTPS call of the app would fail."""
    own = tmp_path / "ca.pem"
    own.write_text("-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----\n")
    write_ca_bundle(own, tmp_path / "bundle.pem")
    text = (tmp_path / "bundle.pem").read_text()
    assert text.endswith(own.read_text())
    assert text.count("BEGIN CERTIFICATE") > 50

"""A round of all calls against the server of the tests and, when EVERTUNE_KFP_ENDPOINT was set, a real endpoint.

Nothing is left behind but the pipeline and its version; what is made has names of its own.
"""

import uuid

import pytest

from components.shared.errors import RetryError, UserError
from pipelines import profiles
from pipelines.cluster import runs
from pipelines.cluster.apply import Applier
from pipelines.cluster.connection import NotThere
from pipelines.cluster.doctor import Cluster, examine
from pipelines.cluster.lock import locked
from pipelines.cluster.owned import looked_up, owned, wanted_of
from pipelines.cluster.plan import plan
from pipelines.cluster.schedules import Schedule
from pipelines.cluster.uploads import find, upload
from pipelines.compiler import compile_all

PARAMETERS = {"registry": "https://git.example/registry.git"}
NEVER = Schedule(name="never", pipeline="prepare_data", cron="0 3 1 1 *", parameters=PARAMETERS, enabled=False)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A compiled pipeline whose images are named by a digest that no registry has."""
    (path,) = compile_all(profiles.load("reviews"), tmp_path_factory.mktemp("compiled"), ["prepare_data"])
    path.write_text(path.read_text().replace(":latest", f"@sha256:{'0' * 64}"))
    return path


def test_real_endpoint_takes_a_version_once_and_runs_it(endpoint, compiled):
    first, second = upload(endpoint, compiled), upload(endpoint, compiled)
    assert first.version_id == second.version_id
    assert find(endpoint, first.pipeline, first.pipeline_id, "no-such-version") is None
    started = runs.submit(endpoint, first, PARAMETERS, experiment="evertune-test")
    try:
        assert runs.get(endpoint, started.id).going_on
        assert started.id in [one.id for one in runs.recent(endpoint, 5)]
        with pytest.raises(RetryError, match="it goes on after"):
            runs.wait(endpoint, started.id, seconds=0.1, every=0.05, tell=lambda _: None)
        with pytest.raises(UserError, match="train has no pod"):
            runs.log(endpoint, started.id, "train")
    finally:
        endpoint.call(endpoint.runs.run_service_delete_run, started.id)


def test_real_endpoint_says_what_it_does_not_know(endpoint):
    with pytest.raises(NotThere):
        runs.get(endpoint, str(uuid.uuid4()))
    (found,) = [one for one in examine(cluster_of(endpoint)) if one.check == "kubeflow"]
    assert found.state == "ok", found.line


def cluster_of(endpoint):
    """What `doctor` is to look at: the endpoint only."""
    nothing = {"service_account": "none", "store": "s3://none", "registry": "/none", "images": ()}
    return Cluster(endpoint=endpoint.endpoint, namespace=endpoint.namespace, **nothing)


def test_real_endpoint_keeps_what_a_schedule_is_meant_to_be(endpoint, compiled):
    version, owner, said = upload(endpoint, compiled), f"test-{uuid.uuid4().hex[:12]}", []

    def apply(*schedules):
        with locked(endpoint, owner) as held:
            now = endpoint.now()
            meant = {
                one.name: (wanted_of(one, owner, version.name, one.parameters, now), one.enabled) for one in schedules
            }
            changes = plan(meant, looked_up(endpoint, owned(endpoint, owner)))
            for change in changes:
                Applier(endpoint, held, lambda _: version, said.append).apply(change)
        return [change.kind for change in changes]

    try:
        assert apply(NEVER) == ["create"]
        assert apply(NEVER) == ["unchanged"]
        with locked(endpoint, owner), pytest.raises(RetryError, match="another `evertune schedule` is at work"):
            apply(NEVER)
        assert apply(Schedule(**{**vars(NEVER), "concurrency": 2})) == ["replace"]
        assert apply(Schedule(**{**vars(NEVER), "concurrency": 2, "enabled": True})) == ["resume"]
        (one,) = owned(endpoint, owner)
        assert (one.enabled, one.wanted.parameters, one.version_id) == (True, PARAMETERS, version.version_id)
    finally:
        assert apply() == ["delete"]
    assert owned(endpoint, owner) == []

"""Makes an engine: creates its parts and connects them. Contains no rules."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from node_poc.cluster.connect import KubernetesApi
from node_poc.cluster.objects import ClusterObjects
from node_poc.cluster.protections import Protections, ProtectionTest, place_of
from node_poc.config.model import NodeConfig
from node_poc.engine.background_calls import BackgroundCalls, Pools
from node_poc.engine.book import RunBook
from node_poc.engine.delivery import Delivery
from node_poc.engine.engine import Engine, EngineParts
from node_poc.engine.image_calls import ImageCalls
from node_poc.engine.inbox import Inbox
from node_poc.engine.intake import DiskIntake, Intake
from node_poc.engine.kills import Kills
from node_poc.engine.lingering_jobs import LingeringJobs
from node_poc.engine.observer import Observer
from node_poc.engine.orphans import Orphans
from node_poc.engine.retention import Retention
from node_poc.engine.retirement import Retirement
from node_poc.engine.retries import Retries
from node_poc.engine.run_work import RunWork
from node_poc.engine.starts import QUOTA_PAUSES, Starts
from node_poc.engine.timers import Timers
from node_poc.storage.folders import make_shared_folder
from node_poc.storage.past import PastRecords
from node_poc.storage.protections_note import ProtectionsNote
from node_poc.storage.records import Records


def make_engine(
    config: NodeConfig,
    inbox: Inbox,
    work: RunWork,
    records: Records,
    past: PastRecords,
    delivery: Delivery,
) -> Engine:
    """Return a stopped engine, which takes its messages from ``inbox``.

    Args:
        config: the whole configuration.
        inbox: where all other parts of the node post messages.
        work: does the work for one run.
        records: records of the runs in ``task_dir``, prepared already.
        past: records of past runs in ``task_dir``, prepared already.
        delivery: sends statuses and results to the server.
    """
    settings = config.kubernetes
    pools, timers = Pools(), Timers()
    disk, post = pools.disk, inbox.post
    settle, retries = work.jobs.settle_image, Retries(post)
    book = RunBook(settings.runs_in_flight, QUOTA_PAUSES.pause, settles_images=settle is not None)
    calls = BackgroundCalls(work, post, book, pools, retries)
    images = ImageCalls(settle, post, book, pools.images, retries)
    starts = Starts(book, calls, images, timers)
    observer = Observer(settings.limits, book, calls, starts, delivery, work)
    lingering_jobs = LingeringJobs(timers, calls.remove_job, settings.keep_finished_seconds)
    retention = Retention(book, records, past)
    disk_intake = DiskIntake(config, work, records, retention)
    intake = Intake(book, disk_intake, disk, delivery, post)
    return Engine(
        EngineParts(
            inbox=inbox,
            delivery=delivery,
            records=records,
            book=book,
            pools=pools,
            calls=calls,
            timers=timers,
            starts=starts,
            observer=observer,
            orphans=Orphans(book, records, calls, timers, disk, lingering_jobs),
            retention=retention,
            intake=intake,
            kills=Kills(book, retention, disk, post, observer.observe),
            retirement=Retirement(intake, calls, retention, disk, post),
            notes=work.notes,
        )
    )


def make_protections(
    config: NodeConfig, api: KubernetesApi, objects: ClusterObjects
) -> Protections:
    """Return the protections of ``kubernetes.pods`` that the cluster has; nothing runs yet."""
    task_dir = Path(config.task_dir)
    test = ProtectionTest(config, api, objects, partial(make_shared_folder, task_dir))
    note = ProtectionsNote(task_dir, place_of(config, api.cluster))
    return Protections(config, test.run, note)

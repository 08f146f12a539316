"""PURE: translate between the dummy server's messages and the core's model, strictly both ways.

The payload of ``command`` is the proof of concept's: run_id, task_info, image, docker_input,
tmp_vol_name, token, databases_to_use. The algorithm finds the payload's fields here:

    container arguments             task_info's arg1, arg2, ... in order
    /app/input/<type>/<label>       each requested database, read-only
    /app/input/docker_input         docker_input, read-only
    /app/token                      token, read-only
    /app/output                     <task_dir>/<run_id>/output
    /app/tmp                        <task_dir>/tmp/<tmp_vol_name>
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from node_poc.config.explain import explain, shape_of
from node_poc.config.model import DatabaseType, NodeConfig
from node_poc.protocol.wire import MAX_RUN_ID, MessageError, iso_time
from node_poc.runs.image_names import is_image_name
from node_poc.runs.model import (
    Mount,
    MountSource,
    OutputFile,
    Run,
    RunFile,
    RunResult,
    RunSpec,
    failure_fields,
)

# Linux accepts no longer argument: MAX_ARG_STRLEN is 32 pages, the last byte being a NUL.
_MAX_ARGUMENT_BYTES = 32 * 4096 - 1
# etcd accepts objects of up to 1.5 MiB, and the Job's other fields need room as well.
_MAX_ARGUMENTS_BYTES = 512 * 1024
_MAX_DOCKER_INPUT = 4 * 1024 * 1024
# The server accepts messages of up to 5 MB; JSON takes six bytes for a byte that is not text.
_MAX_LOG_BYTES = 2 * 1024 * 1024
_MAX_OUTPUT_BYTES = 1024 * 1024
_VOLUME_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)
_ARGUMENT_KEY = re.compile(r"arg([1-9][0-9]{0,2})", re.ASCII)
# No database of a node has a longer label, and the node's answer repeats no longer text.
_Label = Annotated[str, Field(max_length=63)]


class Command(BaseModel):
    """Payload of ``command``, as the proof of concept defined the event; all fields required."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run_id: int = Field(ge=1, le=MAX_RUN_ID)
    task_info: dict[str, str]
    image: str
    docker_input: str = Field(max_length=_MAX_DOCKER_INPUT, repr=False)
    tmp_vol_name: str
    token: Annotated[str, Field(max_length=65536, repr=False)]
    databases_to_use: list[_Label] = Field(max_length=64)

    @field_validator("task_info")
    @classmethod
    def _arguments(cls, value: dict[str, str]) -> dict[str, str]:
        numbers = []
        for key in value:
            match = _ARGUMENT_KEY.fullmatch(key)
            if match is None:
                raise ValueError("its keys must be arg1, arg2, arg3 and so on")
            numbers.append(int(match[1]))
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            raise ValueError("its keys must be arg1, arg2, arg3 and so on, without a gap")
        sizes = [len(text.encode()) for text in value.values()]
        if any("\0" in text for text in value.values()):
            raise ValueError("an argument must not hold a NUL character")
        if sizes and max(sizes) > _MAX_ARGUMENT_BYTES:
            raise ValueError(f"an argument must not be longer than {_MAX_ARGUMENT_BYTES} bytes")
        if sum(sizes) > _MAX_ARGUMENTS_BYTES:
            raise ValueError(f"all arguments together must not pass {_MAX_ARGUMENTS_BYTES} bytes")
        return value

    @field_validator("image")
    @classmethod
    def _image(cls, value: str) -> str:
        if not is_image_name(value):
            raise ValueError("must be an image name such as registry.example/group/name:tag")
        return value

    @field_validator("tmp_vol_name")
    @classmethod
    def _volume(cls, value: str) -> str:
        if not _VOLUME_NAME.fullmatch(value):
            raise ValueError(
                "must be 1 to 63 of the characters A-Z a-z 0-9 _ . - and begin with none of _ . -"
            )
        return value

    @field_validator("databases_to_use")
    @classmethod
    def _labels(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError("must not name a database twice")
        return value


def parse_command(payload: object, config: NodeConfig) -> RunSpec:
    """Return the run that the payload of ``command`` describes.

    Raises:
        MessageError: the payload breaks a rule; the error's text is safe to send back.
    """
    if not isinstance(payload, dict):
        raise MessageError(f"the command must be an object, but it is {shape_of(payload)}")
    try:
        command = Command(**{str(key): value for key, value in payload.items()})
    except ValidationError as error:
        raise MessageError(explain(error)) from error
    arguments = [command.task_info[f"arg{n}"] for n in range(1, len(command.task_info) + 1)]
    return RunSpec(
        run_id=command.run_id,
        image=command.image,
        arguments=tuple(arguments),
        files=(
            RunFile.of("token", command.token.encode()),
            RunFile.of("docker_input", command.docker_input.encode()),
        ),
        mounts=_mounts(command, config),
    )


def _mounts(command: Command, config: NodeConfig) -> tuple[Mount, ...]:
    run, shared = MountSource.RUN, MountSource.SHARED
    fixed = (
        Mount(run, "output", "/app/output", read_only=False, is_folder=True),
        Mount(shared, command.tmp_vol_name, "/app/tmp", read_only=False, is_folder=True),
        Mount(run, "token", "/app/token"),
        Mount(run, "docker_input", "/app/input/docker_input"),
    )
    return fixed + tuple(_database(label, config) for label in command.databases_to_use)


def _database(label: str, config: NodeConfig) -> Mount:
    database = config.database(label)
    kind = database.type if database else DatabaseType.CSV  # admission refuses unknown databases
    is_folder = kind is DatabaseType.FOLDER
    return Mount(MountSource.DATABASE, label, f"/app/input/{kind}/{label}", is_folder=is_folder)


def run_id_in(payload: object) -> int | None:
    """Return the run id of a payload, valid or not, for use in an answer; None if it has none."""
    run_id = payload.get("run_id") if isinstance(payload, dict) else None
    return run_id if isinstance(run_id, int) and not isinstance(run_id, bool) else None


def status_message(run: Run, now: float) -> dict[str, Any]:
    """Return the payload of ``run_status``."""
    return {
        "run_id": run.run_id,
        "status": run.status.value,
        "time": iso_time(now),
        **failure_fields(run.failure),
    }


def result_message(result: RunResult) -> dict[str, Any]:
    """Return the payload of ``run_result``, cut to the server's limit on the message size."""
    log, cut = _end_of(result.log, _MAX_LOG_BYTES)
    output = _fitting(result.output, _MAX_OUTPUT_BYTES)
    return {
        "run_id": result.run_id,
        "status": result.status.value,
        "exit_code": result.exit_code,
        "log": log,
        "log_truncated": result.log_truncated or cut,
        "output": [{"path": item.path, "size": item.size} for item in output],
        "output_truncated": result.output_truncated or len(output) < len(result.output),
        **failure_fields(result.failure),
        "timeline": {
            "received": iso_time(result.received_at),
            "job_created": iso_time(result.job_created_at),
            "started": iso_time(result.started_at),
            "ended": iso_time(result.ended_at),
        },
    }


def _end_of(text: str, limit: int) -> tuple[str, bool]:
    """Return the end of a text, at most ``limit`` bytes as JSON, and whether the text was cut."""
    size = len(json.dumps(text))
    if size <= limit:
        return text, False
    # A character takes at most 12 bytes (a pair of escapes), so the cut text fits.
    return text[-limit // 12 :], True


def _fitting(files: tuple[OutputFile, ...], limit: int) -> list[OutputFile]:
    """Return the first files, as many as fit into ``limit`` bytes as JSON."""
    fitting, left = [], limit
    for item in files:
        left -= len(json.dumps(item.path)) + 40
        if left < 0:
            break
        fitting.append(item)
    return fitting

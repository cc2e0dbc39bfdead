import { badInput, conflict, notFound, type Operation, type Operations, reasons, success } from "./operation.ts"

const unknown = (path: string, says = "No such container: no-such") =>
  notFound("is given an unknown container", path, says)
const raw = "application/vnd.docker.raw-stream"
const multiplexed = "application/vnd.docker.multiplexed-stream"
/** A line in the frame of its stream. */
const frame = (stream: 1 | 2, line: string) =>
  `${String.fromCharCode(stream)}\0\0\0\0\0\0${String.fromCharCode(line.length)}${line}`

const experimental = "is told apart by an experimental daemon only: test/integration/checkpoints.test.ts"

/** What a daemon answers that is not experimental. */
const onlyExperimental = (path: string, body?: unknown): Operation => ({
  cases: [
    success("says that it is experimental", path, 501, {
      body,
      says: "This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.",
    }),
  ],
  never: { notFound: experimental, conflict: experimental, badInput: experimental },
})

export const containerReading: Operations = {
  "GET /containers/:id/json": {
    cases: [
      success("shows one", "/containers/{created}/json", 200, {
        fields: [
          "Id",
          "Created",
          "Path",
          "Args",
          "State",
          "Image",
          "ResolvConfPath",
          "HostnamePath",
          "HostsPath",
          "LogPath",
          "Name",
          "RestartCount",
          "Driver",
          "Platform",
          "MountLabel",
          "ProcessLabel",
          "AppArmorProfile",
          "ExecIDs",
          "HostConfig",
          "GraphDriver",
          "Mounts",
          "Config",
          "NetworkSettings",
        ],
        has: {
          Id: "{created}",
          Name: "/{created.name}",
          Path: "top",
          Args: [],
          Image: "{busybox}",
          RestartCount: 0,
          Platform: "linux",
          State: {
            Status: "created",
            Running: false,
            Paused: false,
            Restarting: false,
            OOMKilled: false,
            Dead: false,
            Pid: 0,
            ExitCode: 0,
            Error: "",
            StartedAt: "0001-01-01T00:00:00Z",
            FinishedAt: "0001-01-01T00:00:00Z",
          },
          HostConfig: {
            Binds: null,
            NetworkMode: "bridge",
            ShmSize: 67108864,
            IpcMode: "private",
            RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
            MaskedPaths: [
              "/proc/asound",
              "/proc/acpi",
              "/proc/interrupts",
              "/proc/kcore",
              "/proc/keys",
              "/proc/latency_stats",
              "/proc/timer_list",
              "/proc/timer_stats",
              "/proc/sched_debug",
              "/proc/scsi",
              "/sys/firmware",
              "/sys/devices/virtual/powercap",
            ],
            ReadonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
          },
          Config: { Hostname: "{created.short}", Cmd: ["top"], Image: "busybox", Entrypoint: null, Labels: {} },
        },
      }),
      success("shows a working directory in its plain form", "/containers/{wandering}/json", 200, {
        has: { Config: { WorkingDir: "/var" } },
      }),
      success("counts bytes", "/containers/{created}/json?size=1", 200, {
        has: { SizeRw: Number, SizeRootFs: Number },
      }),
      unknown("/containers/no-such/json"),
      badInput("is given an escape that is none", "/containers/%zz/json", /^invalid URL escape/),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /containers/:id/top": {
    cases: [
      success("lists processes", "/containers/{shared}/top", 200, {
        has: { Titles: ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"] },
      }),
      success("passes arguments to ps", "/containers/{shared}/top?ps_args=-o%20pid,comm", 200, {
        equals: { Titles: ["PID", "COMMAND"], Processes: [[/^\d+$/, /top|busybox/]] },
      }),
      success("lists none where the arguments choose none", "/containers/{shared}/top?ps_args=-1", 200, {
        equals: { Titles: ["PID", "TTY", "STAT", "TIME", "COMMAND"], Processes: [] },
      }),
      unknown("/containers/no-such/top"),
      conflict("is given one that does not run", "/containers/{created}/top", "container {created} is not running"),
      badInput(
        "is asked for a renamed column",
        "/containers/{shared}/top?ps_args=-o%20x=PID",
        'specifying "x=PID" is not allowed',
      ),
      badInput(
        "is asked for no PIDs",
        "/containers/{shared}/top?ps_args=-o%20comm",
        "Couldn't find PID field in ps output",
      ),
    ],
  },
  "GET /containers/:id/logs": {
    cases: [
      success("gives what was printed", "/containers/{exited}/logs?stdout=1&stderr=1", 200, {
        answers: { "content-type": multiplexed },
        equals: frame(1, "out\n") + frame(2, "err\n"),
      }),
      success("gives one stream", "/containers/{exited}/logs?stderr=1", 200, { equals: frame(2, "err\n") }),
      success("gives a terminal's as it is", "/containers/{terminal}/logs?stdout=1", 200, {
        answers: { "content-type": raw },
        equals: "out\r\n",
      }),
      success("gives nothing of one that never ran", "/containers/{created}/logs?stdout=1&follow=1", 200, {
        equals: "",
      }),
      unknown("/containers/no-such/logs?stdout=1"),
      badInput(
        "is asked for no stream",
        "/containers/{created}/logs",
        "Bad parameters: you must choose at least one stream",
      ),
      badInput(
        "is given a time that is none",
        "/containers/{created}/logs?stdout=1&since=x",
        /^invalid value for "since"/,
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /containers/:id/changes": {
    cases: [
      success("lists what has changed", "/containers/{exited}/changes", 200, { equals: [{ Path: "/made", Kind: 1 }] }),
      success("lists nothing", "/containers/{created}/changes", 200, { equals: null }),
      unknown("/containers/no-such/changes"),
    ],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "GET /containers/:id/export": {
    cases: [
      success("gives the tree", "/containers/{created}/export", 200, {
        answers: { "content-type": "application/octet-stream" },
      }),
      unknown("/containers/no-such/export"),
    ],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "GET /containers/:id/stats": {
    cases: [
      success("takes two samples", "/containers/{shared}/stats?stream=0", 200, {
        fields: [
          "name",
          "id",
          "os_type",
          "read",
          "preread",
          "pids_stats",
          "blkio_stats",
          "num_procs",
          "storage_stats",
          "cpu_stats",
          "precpu_stats",
          "memory_stats",
          "networks",
        ],
        has: {
          id: "{shared}",
          name: "/shared",
          preread: /^20/,
          precpu_stats: { online_cpus: Number, system_cpu_usage: Number },
        },
        answers: { "content-type": "application/json" },
      }),
      success("takes one sample", "/containers/{shared}/stats?stream=0&one-shot=1", 200, {
        has: { preread: "0001-01-01T00:00:00Z", precpu_stats: { cpu_usage: { total_usage: 0 } } },
      }),
      success("gives zeros for one that does not run", "/containers/{created}/stats?stream=0", 200, {
        has: {
          id: "{created}",
          name: "/{created.name}",
          read: "0001-01-01T00:00:00Z",
          memory_stats: {},
          pids_stats: {},
        },
      }),
      unknown("/containers/no-such/stats?stream=0"),
      badInput(
        "is asked for a stream of one",
        "/containers/{shared}/stats?stream=1&one-shot=1",
        "cannot have stream=true and one-shot=true",
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /containers/:id/attach/ws": {
    cases: [
      success("speaks WebSocket", "/containers/{exited}/attach/ws?logs=1&stdout=1", 101, {
        hijacked: true,
        headers: {
          Connection: "Upgrade",
          Upgrade: "websocket",
          "Sec-WebSocket-Version": "13",
          "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
        answers: { upgrade: "websocket", "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" },
      }),
      unknown("/containers/no-such/attach/ws"),
      conflict(
        "is given a paused one",
        "/containers/{paused.name}/attach/ws",
        "container {paused.name} is paused, unpause the container before attach",
      ),
      badInput("is asked in plain HTTP", "/containers/{exited}/attach/ws", /^not a websocket request/),
      badInput(
        "is given bad keys",
        "/containers/{shared}/attach/ws?detachKeys=bogus-key",
        "Invalid detach keys (bogus-key) provided",
      ),
    ],
  },
  "POST /containers/:id/attach": {
    cases: [
      success("gives what was printed", "/containers/{exited}/attach?logs=1&stdout=1&stderr=1", 200, {
        hijacked: true,
        answers: { "content-type": raw },
        equals: frame(1, "out\n") + frame(2, "err\n"),
      }),
      success("upgrades", "/containers/{exited}/attach?logs=1&stdout=1", 101, {
        hijacked: true,
        headers: { Connection: "Upgrade", Upgrade: "tcp" },
        answers: { "content-type": multiplexed, connection: "Upgrade", upgrade: "tcp" },
        equals: frame(1, "out\n"),
      }),
      success("upgrades to a terminal", "/containers/{terminal}/attach?logs=1&stdout=1", 101, {
        hijacked: true,
        headers: { Connection: "Upgrade", Upgrade: "tcp" },
        answers: { "content-type": raw },
        equals: "out\r\n",
      }),
      {
        shows: "notFound",
        when: "is given an unknown container",
        path: "/containers/no-such/attach",
        status: 404,
        hijacked: true,
        answers: { "content-type": raw },
        equals: "No such container: no-such\r\n",
      },
      {
        shows: "conflict",
        when: "is given a paused one",
        path: "/containers/{paused.name}/attach?stream=1",
        status: 409,
        hijacked: true,
        equals: "container {paused.name} is paused, unpause the container before attach\r\n",
      },
      {
        shows: "badInput",
        when: "is given bad keys",
        path: "/containers/{shared}/attach?detachKeys=bogus-key",
        status: 400,
        hijacked: true,
        equals: "Invalid detach keys (bogus-key) provided\r\n",
      },
    ],
  },
  "GET /containers/:id/checkpoints": onlyExperimental("/containers/{created}/checkpoints"),
  "POST /containers/:id/checkpoints": onlyExperimental("/containers/{shared}/checkpoints", { CheckpointID: "one" }),
  "DELETE /containers/:id/checkpoints/:checkpoint": onlyExperimental("/containers/{created}/checkpoints/one"),
  "GET /containers/:id/trace": {
    cases: [success("tells what happened", "/containers/{created}/trace", 200), unknown("/containers/no-such/trace")],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
}

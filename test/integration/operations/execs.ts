import { badBodies, badInput, conflict, notFound, type Operations, reasons, success } from "./operation.ts"

const unknown = (path: string, ask = {}) =>
  notFound("is given an unknown exec", path, "No such exec instance: no-such", ask)
const none = { body: {} }

export const execs: Operations = {
  "POST /containers/:id/exec": {
    cases: [
      success("makes one", "/containers/{shared}/exec", 201, {
        body: { Cmd: ["true"] },
        equals: { Id: /^[0-9a-f]{64}$/ },
        answers: { "content-type": "application/json" },
      }),
      notFound("is given an unknown container", "/containers/no-such/exec", "No such container: no-such", {
        body: { Cmd: ["true"] },
      }),
      conflict("is given one that does not run", "/containers/{created}/exec", "container {created} is not running", {
        body: { Cmd: ["true"] },
      }),
      conflict(
        "is given a paused one",
        "/containers/{paused.name}/exec",
        "Container {paused.name} is paused, unpause the container before exec",
        { body: { Cmd: ["true"] } },
      ),
      ...badBodies("/containers/{shared}/exec"),
      badInput("is asked for no command", "/containers/{shared}/exec", "No exec command specified", {
        body: { Cmd: [] },
      }),
      badInput("is given bad keys", "/containers/{shared}/exec", "Invalid escape keys (bogus-key) provided", {
        body: { Cmd: ["true"], DetachKeys: "bogus-key" },
      }),
    ],
  },
  "POST /exec/:id/start": {
    cases: [
      success("gives what is printed", "/exec/{exec}/start", 200, {
        hijacked: true,
        body: {},
        answers: { "content-type": "application/vnd.docker.raw-stream", "api-version": "1.56", ostype: "linux" },
        equals: "\u0001\0\0\0\0\0\0\u0004out\n",
      }),
      success("upgrades", "/exec/{exec}/start", 101, {
        hijacked: true,
        body: {},
        headers: { Connection: "Upgrade", Upgrade: "tcp" },
        answers: { "content-type": "application/vnd.docker.multiplexed-stream", upgrade: "tcp", "api-version": "1.56" },
      }),
      success("gives bare bytes where a terminal was asked for", "/exec/{exec}/start", 200, {
        hijacked: true,
        body: { Tty: true },
        equals: "out\n",
      }),
      success("gives frames of a terminal's output to who did not ask for one", "/exec/{terminalExec}/start", 200, {
        hijacked: true,
        body: {},
        equals: "\u0001\0\0\0\0\0\0\u0005out\r\n",
      }),
      success("tells in the stream that it has run", "/exec/{ranExec}/start", 200, {
        hijacked: true,
        body: { Tty: true },
        equals: "Error: Exec command {ranExec} has already run\r\n",
      }),
      success("leaves it alone", "/exec/{exec}/start", 200, { body: { Detach: true }, equals: "" }),
      unknown("/exec/no-such/start", none),
      notFound(
        "is given one of a removed container",
        "/exec/{orphanExec}/start",
        "No such exec instance: {orphanExec}",
        none,
      ),
      conflict("is given one that has run", "/exec/{ranExec}/start", "Error: Exec command {ranExec} has already run", {
        body: { Detach: true },
      }),
      conflict(
        "is given one of a container that has ended",
        "/exec/{endedExec}/start",
        "container {endedExec.container} is not running",
        none,
      ),
      conflict(
        "is given one that runs",
        "/exec/{runningExec}/start",
        "Error: Exec command {runningExec} is already running",
        { body: { Detach: true } },
      ),
      ...badBodies("/exec/{exec}/start"),
    ],
  },
  "POST /exec/:id/resize": {
    cases: [
      success("resizes", "/exec/{runningExec}/resize?h=10&w=20", 200, { equals: "" }),
      unknown("/exec/no-such/resize?h=1&w=1"),
      conflict("is given one that has ended", "/exec/{ranExec}/resize?h=1&w=1", /^cannot resize a stopped exec/),
      conflict(
        "is given one of a container that has ended",
        "/exec/{endedExec}/resize?h=1&w=1",
        "container {endedExec.container} is not running",
      ),
      badInput(
        "is given a height that is no number",
        "/exec/{exec}/resize?h=x&w=1",
        'invalid resize height "x": invalid syntax',
      ),
    ],
  },
  "GET /exec/:id/json": {
    cases: [
      success("shows one", "/exec/{exec}/json", 200, {
        equals: {
          ID: "{exec}",
          Running: false,
          ExitCode: null,
          OpenStdin: false,
          OpenStderr: false,
          OpenStdout: true,
          CanRemove: false,
          ContainerID: "{shared}",
          DetachKeys: "",
          Pid: 0,
          ProcessConfig: { tty: false, entrypoint: "echo", arguments: ["out"], privileged: false },
        },
      }),
      success("shows one that has run", "/exec/{ranExec}/json", 200, {
        has: { Running: false, ExitCode: 0, Pid: Number },
      }),
      unknown("/exec/no-such/json"),
      notFound("is given one of a removed container", "/exec/{orphanExec}/json", "No such exec instance: {orphanExec}"),
    ],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
}

import { badBodies, badInput, conflict, notFound, type Operations, reasons, success } from "./operation.ts"

const unknown = (path: string) => notFound("is given an unknown container", path, "No such container: no-such")

export const containerLife: Operations = {
  "POST /containers/:id/start": {
    cases: [
      success("starts", "/containers/{created}/start", 204),
      success("finds a name with a slash", "/containers/%2F{created.name}/start", 204),
      success("finds the beginning of an ID", "/containers/{created.short}/start", 204),
      success("changes nothing of one that runs", "/containers/{shared}/start", 304),
      unknown("/containers/no-such/start"),
      conflict(
        "is given a paused one",
        "/containers/{paused}/start",
        "cannot start a paused container, try unpause instead",
      ),
      badInput(
        "is sent a configuration",
        "/containers/{created}/start",
        "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        { body: { Binds: [] } },
      ),
      {
        shows: "conflict",
        when: "publishes a port that another one has",
        path: "/containers/{publishing}/start?beside={published}",
        status: 500,
        says: /^failed to set up container networking: driver failed programming external connectivity on endpoint op-\d+ \([0-9a-f]{64}\): Bind for 127\.0\.0\.1:\d+ failed: port is already allocated/,
      },
      badInput(
        "is given a directory for a file",
        "/containers/{mismatched}/start",
        /not a directory: unknown: Are you trying to mount a directory onto a file \(or vice-versa\)\? Check if the specified host path exists and is the expected type$/,
      ),
      badInput(
        "is given a program that is not there",
        "/containers/{unstartable}/start",
        /no\/such\/program.*no such file or directory/,
      ),
    ],
  },
  "POST /containers/:id/stop": {
    cases: [
      success("stops", "/containers/{running}/stop?t=0", 204),
      success("changes nothing of one that has ended", "/containers/{exited}/stop", 304),
      success(
        "changes nothing of one that has ended, whatever the signal",
        "/containers/{exited}/stop?signal=BOGUS",
        304,
      ),
      unknown("/containers/no-such/stop"),
      badInput(
        "is given a time that is no number",
        "/containers/{shared}/stop?t=x",
        'strconv.Atoi: parsing "x": invalid syntax',
      ),
      badInput("is given an unknown signal", "/containers/{shared}/stop?signal=BOGUS", /invalid signal: BOGUS$/),
    ],
    never: { conflict: "stopping what has stopped changes nothing" },
  },
  "POST /containers/:id/restart": {
    cases: [
      success("restarts", "/containers/{running}/restart?t=0", 204),
      success("starts one that has ended", "/containers/{exited}/restart", 204),
      unknown("/containers/no-such/restart"),
      badInput(
        "is given a time that is no number",
        "/containers/{shared}/restart?t=x",
        'strconv.Atoi: parsing "x": invalid syntax',
      ),
      badInput(
        "is given an unknown signal",
        "/containers/{shared}/restart?signal=BOGUS",
        "Cannot restart container {shared}: invalid signal: BOGUS",
      ),
    ],
    never: { conflict: "what does not run is started" },
  },
  "POST /containers/:id/kill": {
    cases: [
      success("kills", "/containers/{running}/kill", 204),
      success("sends a signal by number", "/containers/{running}/kill?signal=15", 204),
      success("sends a signal by name", "/containers/{shared}/kill?signal=SIGWINCH", 204),
      notFound(
        "is given an unknown container",
        "/containers/no-such/kill",
        "cannot kill container: no-such: No such container: no-such",
      ),
      conflict(
        "is given one that does not run",
        "/containers/{created.name}/kill",
        "cannot kill container: {created.name}: container {created} is not running",
      ),
      badInput(
        "is given an unknown signal",
        "/containers/{shared}/kill?signal=BOGUS",
        "cannot kill container: {shared}: invalid signal: BOGUS",
      ),
      badInput("is given no signal's number", "/containers/{shared}/kill?signal=1000", /invalid signal: 1000$/),
    ],
  },
  "POST /containers/:id/pause": {
    cases: [
      success("pauses", "/containers/{running}/pause", 204),
      unknown("/containers/no-such/pause"),
      conflict("is given one that does not run", "/containers/{created}/pause", "container {created} is not running"),
      conflict("is given a paused one", "/containers/{paused}/pause", "container {paused} is already paused"),
    ],
    never: { badInput: reasons.noInput },
  },
  "POST /containers/:id/unpause": {
    cases: [
      success("goes on", "/containers/{paused}/unpause", 204),
      unknown("/containers/no-such/unpause"),
      // Not 409: Docker calls it a fault of its own.
      conflict("is given one that is not paused", "/containers/{shared}/unpause", "Container {shared} is not paused", {
        status: 500,
      }),
    ],
    never: { badInput: reasons.noInput },
  },
  "POST /containers/:id/wait": {
    cases: [
      success("tells the exit code", "/containers/{exited}/wait", 200, {
        equals: { StatusCode: 3 },
        answers: { "content-type": "application/json" },
      }),
      success("tells that of one that never ran", "/containers/{created}/wait?condition=not-running", 200, {
        equals: { StatusCode: 0 },
      }),
      unknown("/containers/no-such/wait"),
      badInput(
        "is given an unknown condition",
        "/containers/{shared}/wait?condition=bogus",
        'invalid condition: "bogus"',
      ),
    ],
    never: { conflict: "waits in every state" },
  },
  "POST /containers/:id/resize": {
    cases: [
      success("resizes", "/containers/{shared}/resize?h=10&w=20", 200, { equals: "" }),
      unknown("/containers/no-such/resize?h=1&w=1"),
      conflict(
        "is given one that does not run",
        "/containers/{created}/resize?h=1&w=1",
        "container {created} is not running",
      ),
      badInput(
        "is given a height that is no number",
        "/containers/{shared}/resize?h=x&w=1",
        'invalid resize height "x": invalid syntax',
      ),
      badInput("is given no width", "/containers/{shared}/resize?h=1", 'invalid resize width "": invalid syntax'),
      badInput(
        "is given a width of 33 bits",
        "/containers/{shared}/resize?h=1&w=4294967296",
        'invalid resize width "4294967296": value out of range',
      ),
    ],
  },
  "POST /containers/:id/rename": {
    cases: [
      success("renames", "/containers/{created}/rename?name={new}", 204),
      notFound("is given an unknown container", "/containers/no-such/rename?name=x1", "No such container: no-such"),
      conflict(
        "is given a taken name",
        "/containers/{created}/rename?name=shared",
        'Error when allocating new name: Conflict. The container name "/shared" is already in use by container "{shared}". You have to remove (or rename) that container to be able to reuse that name.',
      ),
      badInput("is given no name", "/containers/{created}/rename", "Neither old nor new names may be empty"),
      badInput(
        "is given its own name",
        "/containers/shared/rename?name=shared",
        "Renaming a container with the same name as its current name",
      ),
      badInput(
        "is given a bad name",
        "/containers/{created}/rename?name=a%20b",
        "Error when allocating new name: Invalid container name (/a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
      ),
    ],
  },
  "POST /containers/:id/update": {
    cases: [
      success("changes limits", "/containers/{created}/update", 200, {
        body: { CpuShares: 512 },
        equals: { Warnings: null },
      }),
      success("changes the restart policy", "/containers/{running}/update", 200, {
        body: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 } },
        equals: { Warnings: null },
      }),
      notFound("is given an unknown container", "/containers/no-such/update", "No such container: no-such", {
        body: {},
      }),
      conflict(
        "is given a restart policy for a passing one",
        "/containers/{removing}/update",
        "Cannot update container {removing}: Restart policy cannot be updated because AutoRemove is enabled for the container",
        { body: { RestartPolicy: { Name: "always" } } },
      ),
      ...badBodies("/containers/{created}/update"),
      badInput("is given little memory", "/containers/{created}/update", "Minimum memory limit allowed is 6MB", {
        body: { Memory: 1 },
      }),
      badInput(
        "is given an unknown restart policy",
        "/containers/{created}/update",
        "invalid restart policy: unknown policy 'bogus'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        { body: { RestartPolicy: { Name: "bogus" } } },
      ),
    ],
  },
  "DELETE /containers/": {
    cases: [badInput("is given no name", "/containers/", 'invalid name or ID supplied: ""')].concat(
      success("is not there for reading", "/containers/", 404, { method: "GET", says: "page not found" }),
    ),
    never: { notFound: reasons.namesNothing, conflict: reasons.namesNothing },
  },
  "DELETE /containers/:id": {
    cases: [
      success("removes", "/containers/{created}", 204),
      success("removes one that runs by force", "/containers/{running}?force=1&v=1", 204),
      unknown("/containers/no-such"),
      conflict(
        "is given one that runs",
        "/containers/{shared}",
        'cannot remove container "/shared": container is running: stop the container before removing or force remove',
      ),
      conflict(
        "is given a paused one",
        "/containers/{paused}",
        'cannot remove container "/{paused.name}": container is paused and must be unpaused first',
      ),
      notFound(
        "is given an unknown link",
        "/containers/shared/alias?link=1",
        "Cannot get child alias of container shared",
      ),
      badInput(
        "is given a container for a link",
        "/containers/shared?link=1",
        "Conflict, cannot remove the default link name of the container",
      ),
    ],
  },
}

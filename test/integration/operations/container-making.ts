import {
  badBodies,
  badFilters,
  badInput,
  conflict,
  filtered,
  notFound,
  type Operations,
  reasons,
  success,
} from "./operation.ts"

const id = /^[0-9a-f]{64}$/
const created = { Id: id, Warnings: [] }

/** A create request of busybox with one thing wrong. */
const refuses = (when: string, says: string | RegExp, config: object, host: object = {}) =>
  badInput(`is asked for ${when}`, "/containers/create", says, {
    body: { Image: "busybox", Cmd: ["true"], ...config, HostConfig: host },
  })

export const containerMaking: Operations = {
  "GET /containers/json": {
    cases: [
      success("lists those that run", "/containers/json", 200, {
        fields: [
          "Id",
          "Names",
          "Image",
          "ImageID",
          "Command",
          "Created",
          "Ports",
          "Labels",
          "State",
          "Status",
          "HostConfig",
          "NetworkSettings",
          "Mounts",
          "Health",
        ],
        answers: { "content-type": "application/json" },
      }),
      success(
        "lists those that do not run too",
        `/containers/json?all=1&size=1&${filtered({ id: ["{created}"] })}`,
        200,
        {
          has: [
            {
              Id: "{created}",
              Names: ["/{created.name}"],
              Image: "busybox",
              ImageID: "{busybox}",
              Command: "top",
              Created: Number,
              Ports: [],
              SizeRw: Number,
              SizeRootFs: Number,
              Labels: {},
              State: "created",
              Status: "Created",
              HostConfig: { NetworkMode: "bridge" },
              NetworkSettings: { Networks: { bridge: { EndpointID: "", IPAddress: "" } } },
              Mounts: [],
            },
          ],
        },
      ),
      success(
        "filters by an exit code only among all",
        `/containers/json?${filtered({ id: ["{exited}"], exited: ["3"] })}`,
        200,
        { equals: [] },
      ),
      success(
        "filters by status among all",
        `/containers/json?${filtered({ id: ["{exited}"], status: ["exited"] })}`,
        200,
        {
          has: [{ Id: "{exited}", State: "exited", Status: /^Exited \(3\) (Less than a second|\d+ seconds?) ago$/ }],
        },
      ),
      success(
        "reads filters in their old form",
        `/containers/json?${filtered({ id: { "{created}": true }, status: { created: true } })}`,
        200,
        {
          has: [{ Id: "{created}" }],
        },
      ),
      ...badFilters("/containers/json"),
      badInput(
        "is given a limit that is no number",
        "/containers/json?limit=x",
        'strconv.Atoi: parsing "x": invalid syntax',
      ),
      badInput(
        "is given an unknown status",
        `/containers/json?${filtered({ status: ["gone"] })}`,
        "invalid filter 'status=gone': invalid value for state (gone): must be one of created, running, paused, restarting, removing, exited, dead",
      ),
      badInput(
        "is given an exit code that is no number",
        `/containers/json?${filtered({ exited: ["x"] })}`,
        `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`,
      ),
      badInput(
        "is given an unknown health",
        `/containers/json?${filtered({ health: ["ill"] })}`,
        "invalid filter 'health=ill': unrecognised filter value for health: ill",
      ),
      badInput(
        "is given no boolean",
        `/containers/json?${filtered({ "is-task": ["x"] })}`,
        "invalid filter 'is-task=[x]'",
      ),
      badInput(
        "is given a published port that is none",
        `/containers/json?${filtered({ publish: ["x"] })}`,
        `error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax`,
      ),
      badInput(
        "is given a port with an address",
        `/containers/json?${filtered({ expose: ["1.2.3.4:80"] })}`,
        "filter for 'expose' should not contain ':': 1.2.3.4:80",
      ),
      notFound(
        "is given an anchor that does not exist",
        `/containers/json?${filtered({ before: ["no-such"] })}`,
        "No such container: no-such",
      ),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "POST /containers/create": {
    cases: [
      success("makes one", "/containers/create?name={new}", 201, {
        body: { Image: "busybox" },
        equals: created,
        answers: { "content-type": "application/json" },
      }),
      success("takes unknown fields", "/containers/create?name={new}", 201, {
        body: { image: "busybox", Bogus: 1 },
        equals: created,
      }),
      success("warns of ports in the host's network", "/containers/create?name={new}", 201, {
        body: {
          Image: "busybox",
          HostConfig: { NetworkMode: "host", PortBindings: { "80/tcp": [{ HostPort: "80" }] } },
        },
        equals: { Id: id, Warnings: ["Published ports are discarded when using host network mode"] },
      }),
      success("takes containerd's name for the default runtime", "/containers/create?name={new}", 201, {
        body: { Image: "busybox", HostConfig: { Runtime: "io.containerd.runc.v2" } },
        equals: created,
      }),
      notFound("is asked for an unknown image", "/containers/create", "No such image: no-such:latest", {
        body: { Image: "no-such" },
      }),
      notFound(
        "is asked for an unknown image under a taken name",
        "/containers/create?name=shared",
        "No such image: no-such:latest",
        {
          body: { Image: "no-such" },
        },
      ),
      notFound(
        "is asked for an unknown image of another registry",
        "/containers/create",
        "No such image: localhost:1/no-such:2",
        {
          body: { Image: "localhost:1/no-such:2" },
        },
      ),
      notFound(
        "is asked for an unknown volume driver",
        "/containers/create",
        /error looking up volume plugin bogus: plugin "bogus" not found$/,
        {
          body: { Image: "busybox", HostConfig: { VolumeDriver: "bogus", Binds: ["{new}:/v"] } },
        },
      ),
      conflict(
        "is asked for a name that is taken",
        "/containers/create?name=shared",
        'Conflict. The container name "/shared" is already in use by container "{shared}". You have to remove (or rename) that container to be able to reuse that name.',
        { body: { Image: "busybox" } },
      ),
      ...badBodies("/containers/create"),
      badInput("is sent nothing", "/containers/create", "invalid JSON: got EOF while reading request body"),
      badInput(
        "is sent an empty object",
        "/containers/create",
        "config cannot be empty in order to create a container",
        { body: {} },
      ),
      badInput(
        "is sent no configuration",
        "/containers/create",
        "config cannot be empty in order to create a container",
        {
          body: { HostConfig: {} },
        },
      ),
      badInput("is asked for no command", "/containers/create", "no command specified", {
        body: { Image: "", Cmd: [] },
      }),
      badInput("is asked for a bad image", "/containers/create", "invalid reference format", {
        body: { Image: "a:b:c", Cmd: ["true"] },
      }),
      badInput(
        "is asked for an image in capitals",
        "/containers/create",
        "invalid reference format: repository name (library/BusyBox) must be lowercase",
        { body: { Image: "BusyBox" } },
      ),
      badInput(
        "is asked for a bad name",
        "/containers/create?name=a%20b",
        "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
        { body: { Image: "busybox" } },
      ),
      badInput(
        "is asked for bad settings of an unknown image",
        "/containers/create",
        "SHM size can not be less than 0",
        {
          body: { Image: "no-such", HostConfig: { ShmSize: -1 } },
        },
      ),
      badInput(
        "is asked for a bad platform",
        "/containers/create?platform=a/b/c/d",
        /^"a\/b\/c\/d": cannot parse platform specifier/,
        {
          body: { Image: "busybox" },
        },
      ),
      refuses("a variable without a name", "invalid environment variable: =x", { Env: ["=x"] }),
      refuses("a relative directory", "the working directory 'x' is invalid, it needs to be an absolute path", {
        WorkingDir: "x",
      }),
      refuses("an unknown stop signal", "invalid signal: SIGBOGUS", { StopSignal: "SIGBOGUS" }),
      refuses("an early health check", "Interval in Healthcheck cannot be less than 1ms", {
        Healthcheck: { Interval: 1 },
      }),
      refuses("negative retries", "Retries in Healthcheck cannot be negative", { Healthcheck: { Retries: -1 } }),
      refuses("a host name that the kernel does not take", /^invalid hostname: .* is longer than 64 bytes$/, {
        Hostname: "x".repeat(65),
      }),
      refuses("an empty part of a set", "Invalid value 0,, for cpuset cpus", {}, { CpusetCpus: "0,," }),
      refuses(
        "a tmpfs of less than nothing",
        'invalid mount config for type "tmpfs": invalid size: -1',
        {},
        {
          Mounts: [{ Type: "tmpfs", Target: "/x", TmpfsOptions: { SizeBytes: -1 } }],
        },
      ),
      refuses("an unknown runtime", "unknown or invalid runtime name: bogus", {}, { Runtime: "bogus" }),
      refuses(
        "an unknown restart policy",
        "invalid restart policy: unknown policy 'bogus'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        {},
        {
          RestartPolicy: { Name: "bogus" },
        },
      ),
      refuses(
        "a restart policy of a passing one",
        "can't create 'AutoRemove' container with restart policy",
        {},
        {
          AutoRemove: true,
          RestartPolicy: { Name: "always" },
        },
      ),
      refuses("little memory", "Minimum memory limit allowed is 6MB", {}, { Memory: 1 }),
      refuses(
        "swap without memory",
        "You should always set the Memory limit when using Memoryswap limit, see usage",
        {},
        { MemorySwap: 1 << 30 },
      ),
      refuses(
        "two shares of CPUs",
        "Conflicting options: Nano CPUs and CPU Period cannot both be set",
        {},
        { NanoCpus: 1, CpuPeriod: 1000 },
      ),
      refuses("an IPC mode", "invalid IPC mode: bogus", {}, { IpcMode: "bogus" }),
      refuses("a PID mode", "invalid PID mode: bogus", {}, { PidMode: "bogus" }),
      refuses("a capability", 'invalid CapAdd: unknown capability: "CAP_BOGUS"', {}, { CapAdd: ["BOGUS"] }),
      refuses("a port", 'invalid port specification: "x"', {}, { PortBindings: { "x/tcp": [] } }),
      refuses(
        "a relative mount",
        "invalid mount config for type \"tmpfs\": invalid mount path: 'x' mount path must be absolute",
        {},
        { Mounts: [{ Type: "tmpfs", Target: "x" }] },
      ),
      refuses(
        "a mount of a missing directory",
        /^invalid mount config for type "bind": bind source path does not exist: \/no\/such$/,
        {},
        {
          Mounts: [{ Type: "bind", Source: "/no/such", Target: "/x" }],
        },
      ),
      refuses(
        "a mount of an unknown kind",
        'invalid mount config for type "bogus": mount type unknown',
        {},
        { Mounts: [{ Type: "bogus", Target: "/x" }] },
      ),
      refuses("a bind without a place", "invalid volume specification: '/a:'", {}, { Binds: ["/a:"] }),
      refuses("two mounts in one place", "Duplicate mount point: /x", {}, { Binds: ["/tmp:/x", "/etc:/x"] }),
      refuses("a tmpfs with an unknown option", 'invalid tmpfs option ["bogus"]', {}, { Tmpfs: { "/x": "bogus" } }),
      refuses(
        "a mode of the network",
        "invalid network mode: invalid container format container:<name|id>",
        {},
        { NetworkMode: "container:" },
      ),
      refuses(
        "a host name with another's network",
        "conflicting options: hostname and the network mode",
        { Hostname: "x" },
        {
          NetworkMode: "container:shared",
        },
      ),
      refuses("an extra host", 'bad format for add-host: "x"', {}, { ExtraHosts: ["x"] }),
      refuses(
        "an unknown log driver",
        /^logger: no log driver named 'bogus' is registered: use one of /,
        {},
        { LogConfig: { Type: "bogus" } },
      ),
      refuses(
        "an unknown log option",
        "unknown log opt 'bogus' for json-file log driver",
        {},
        {
          LogConfig: { Type: "json-file", Config: { bogus: "x" } },
        },
      ),
      refuses("an unknown security option", /^invalid --security-opt 1: "bogus"$/, {}, { SecurityOpt: ["bogus"] }),
      refuses("a limit", "invalid ulimit type: bogus", {}, { Ulimits: [{ Name: "bogus", Soft: 1, Hard: 1 }] }),
    ],
  },
  "POST /containers/prune": {
    cases: [
      success("removes those that have ended", `/containers/prune?${filtered({ label: ["none=such"] })}`, 200, {
        equals: { ContainersDeleted: null, SpaceReclaimed: 0 },
      }),
      ...badFilters("/containers/prune"),
      badInput(
        "is given an instant that is none",
        `/containers/prune?${filtered({ until: ["x"] })}`,
        'failed to parse value as time or duration: "x"',
      ),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.always },
  },
  "POST /commit": {
    cases: [
      success("makes an image", "/commit?container={exited}&repo={newImage}&comment=x&author=y", 201, {
        equals: { Id: /^sha256:[0-9a-f]{64}$/ },
      }),
      success("changes what it runs", "/commit?container={exited}&repo={newImage}&changes=CMD%20x", 201, {
        body: { Cmd: ["ignored"] },
        equals: { Id: /^sha256:[0-9a-f]{64}$/ },
      }),
      notFound("is given an unknown container", "/commit?container=no-such", "No such container: no-such"),
      badInput("is given no container", "/commit", 'invalid name or ID supplied: ""'),
      badInput("is given a bad name", "/commit?container={created}&repo=a:b:c", "invalid reference format"),
      badInput(
        "is given a bad instruction",
        "/commit?container={created}&changes=BOGUS%20x",
        /^BOGUS is not a valid change command$/,
      ),
      ...badBodies("/commit?container={created}").filter(({ body }) => body !== " "),
    ],
    never: { conflict: "a name moves from image to image, and a container is committed in every state" },
  },
}

import { badFilters, badInput, filtered, notFound, type Operations, reasons, success } from "./operation.ts"

const nothing = { notFound: reasons.namesNothing, conflict: reasons.changesNothing, badInput: reasons.noInput }
const pong = {
  "builder-version": "1",
  swarm: "inactive",
  "cache-control": "no-cache, no-store, must-revalidate",
  pragma: "no-cache",
}
const upgrading = {
  cases: [
    badInput("is asked without an upgrade", "", /no upgrade/),
    badInput("is asked for another protocol", "", /not supported/, {
      headers: { Connection: "Upgrade", Upgrade: "tcp" },
    }),
    notFound("says that there is no BuildKit", "", /no BuildKit/, {
      headers: { Connection: "Upgrade", Upgrade: "h2c" },
    }),
  ],
  never: { conflict: reasons.changesNothing },
}
const at = (path: string) => ({
  ...upgrading,
  cases: [
    ...upgrading.cases.map((one) => ({ ...one, path, hijacked: false })),
    success("answers nothing else", path, 404, { method: "GET", says: "page not found" }),
  ],
})

/** The fields of `/system/df` up to 1.51, and since 1.52. */
const lists = ["LayersSize", "Images", "Containers", "Volumes", "BuildCache"]
const sums = ["ImageUsage", "ContainerUsage", "VolumeUsage", "BuildCacheUsage"]

export const system: Operations = {
  "GET|HEAD /_ping": {
    cases: [
      success("answers", "/_ping", 200, {
        answers: { ...pong, "content-type": "text/plain; charset=utf-8" },
        equals: "OK",
      }),
      success("answers with a head only", "/_ping", 200, {
        method: "HEAD",
        answers: { ...pong, "content-length": "0" },
        equals: "",
      }),
      success("answers under a version", "/v1.24/_ping", 200, { answers: pong, equals: "OK" }),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "GET /info": {
    cases: [
      success("tells of the engine", "/info", 200, {
        has: {
          ID: String,
          Containers: Number,
          Images: Number,
          Driver: String,
          OSType: "linux",
          LiveRestoreEnabled: true,
          Runtimes: { runc: { path: String }, "io.containerd.runc.v2": { path: String } },
          Swarm: {
            NodeID: "",
            NodeAddr: "",
            LocalNodeState: "inactive",
            ControlAvailable: false,
            Error: "",
            RemoteManagers: null,
          },
          SecurityOptions: ["name=seccomp,profile=builtin"],
        },
      }),
    ],
    never: nothing,
  },
  "GET /version": {
    cases: [
      success("tells versions", "/version", 200, {
        fields: [
          "Platform",
          "Components",
          "Version",
          "ApiVersion",
          "MinAPIVersion",
          "GitCommit",
          "GoVersion",
          "Os",
          "Arch",
          "KernelVersion",
          "BuildTime",
        ],
        has: {
          // Clients ask for a least release of Docker.
          Version: /^29\.\d+\.\d+\+barge-\d+-\d+-\d+[^.]*$/,
          ApiVersion: "1.56",
          MinAPIVersion: "1.24",
          Os: "linux",
          Components: [
            {
              Name: "Engine",
              Details: { ApiVersion: "1.56", MinAPIVersion: "1.24", Os: "linux", Experimental: "false" },
            },
            { Name: "containerd" },
            { Name: /^(crun|runc)$/, Version: /^\d+\.\d+/ },
            { Name: "docker-init", Version: /^(\d+\.\d+|none$)/ },
          ],
        },
      }),
    ],
    never: nothing,
  },
  "GET /events": {
    cases: [
      success("tells what happened", `/events?since=0&until=1`, 200, {
        equals: "",
        answers: { "content-type": "application/jsonl" },
      }),
      success("calls them JSON up to 1.51", `/v1.51/events?since=0&until=1`, 200, {
        equals: "",
        answers: { "content-type": "application/json" },
      }),
      success("ignores an unknown filter", `/events?until=1&${filtered({ bogus: ["x"] })}`, 200, { equals: "" }),
      success("calls them what the client accepts", `/events?since=0&until=1`, 200, {
        headers: { accept: "application/json;q=0.9, application/x-ndjson;q=0.5, application/json-seq" },
        equals: "",
        answers: { "content-type": "application/json-seq" },
      }),
      badInput("is given filters that are not JSON", "/events?until=1&filters=x", "invalid filter"),
      badInput(
        "is given times in the wrong order",
        "/events?since=2&until=1",
        "`since` time cannot be after `until` time",
      ),
      badInput("is given a time that is none", "/events?since=x", /^invalid value for "since"|failed to parse/),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing },
  },
  "GET /system/df": {
    cases: [
      success("counts bytes up to 1.51 in lists", "/v1.51/system/df?verbose=1", 200, { fields: lists }),
      success("counts bytes since 1.52 in sums, with lists beside them", "/v1.52/system/df", 200, {
        fields: [...sums, ...lists],
        has: {
          ImageUsage: { ActiveCount: Number, TotalCount: Number, Reclaimable: Number, TotalSize: Number },
          BuildCacheUsage: { ActiveCount: 0, TotalCount: 0, Reclaimable: 0, TotalSize: 0 },
        },
      }),
      success("gives what it counted when that is asked for", "/system/df?verbose=1", 200, {
        fields: sums,
        has: { BuildCacheUsage: { TotalCount: 0, Items: [] } },
      }),
      success("counts what is asked for", "/system/df?type=volume", 200, {
        fields: ["VolumeUsage", "LayersSize", "Volumes"],
      }),
      badInput("is asked for something else", "/system/df?type=bogus", "unknown object type: bogus"),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing },
  },
  "POST /build/prune": {
    cases: [
      success("finds no cache", "/build/prune", 200, { equals: { CachesDeleted: [], SpaceReclaimed: 0 } }),
      badFilters("/build/prune")[1]!,
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.always },
  },
  "POST /session": at("/session"),
  "POST /grpc": at("/grpc"),
  "GET /barge/traces/:traceId": {
    cases: [
      notFound("is given an unknown one", `/barge/traces/${"0".repeat(32)}`, /0{32}/),
      success("is of no other method", "/barge/traces/x", 404, { method: "PUT", says: "page not found" }),
    ],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
}

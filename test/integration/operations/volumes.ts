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

const shape = {
  CreatedAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  Driver: "local",
  Labels: { a: "b" },
  Mountpoint: /\/volumes\/op-\d+\/_data$/,
  Name: "{volume}",
  Options: null,
  Scope: "local",
}
const unknown = (path: string) => notFound("is given an unknown one", path, "get no-such: no such volume")

export const volumes: Operations = {
  "GET /volumes": {
    cases: [
      success("lists", `/volumes?${filtered({ name: ["{volume}"] })}`, 200, {
        equals: { Volumes: [shape], Warnings: null },
      }),
      success("lists none", `/volumes?${filtered({ driver: ["bogus"] })}`, 200, {
        equals: { Volumes: [], Warnings: null },
      }),
      ...badFilters("/volumes"),
      badInput("is given no boolean", `/volumes?${filtered({ dangling: ["x"] })}`, "invalid filter 'dangling=[x]'"),
    ],
    never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing },
  },
  "POST /volumes/create": {
    cases: [
      success("makes one", "/volumes/create", 201, {
        body: { Name: "{volume}", Labels: { ignored: "x" } },
        equals: shape,
      }),
      notFound(
        "is asked for an unknown driver",
        "/volumes/create",
        'create {new}: error looking up volume plugin bogus: plugin "bogus" not found',
        { body: { Name: "{new}", Driver: "bogus" } },
      ),
      ...badBodies("/volumes/create"),
      badInput(
        "is given a bad name",
        "/volumes/create",
        'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
        { body: { Name: "a/b" } },
      ),
      badInput(
        "is given a short name",
        "/volumes/create",
        "create a: volume name is too short, names should be at least two alphanumeric characters",
        { body: { Name: "a" } },
      ),
      badInput("is given an unknown option", "/volumes/create", 'create {new}: invalid option: "bogus"', {
        body: { Name: "{new}", DriverOpts: { bogus: "x" } },
      }),
      badInput("is given half of the options", "/volumes/create", 'create {new}: missing required option: "device"', {
        body: { Name: "{new}", DriverOpts: { type: "tmpfs" } },
      }),
    ],
    never: { conflict: "there is one driver, and of it the same volume is given again" },
  },
  "POST /volumes/prune": {
    cases: [
      success("removes what nobody uses", `/volumes/prune?${filtered({ label: ["none=such"] })}`, 200, {
        equals: { VolumesDeleted: [], SpaceReclaimed: 0 },
      }),
      ...badFilters("/volumes/prune"),
      badInput("is given no boolean", `/volumes/prune?${filtered({ all: ["x"] })}`, "invalid filter 'all=[x]'"),
    ],
    never: { notFound: reasons.namesNothing, conflict: "what is in use stays" },
  },
  "GET /volumes/:name": {
    cases: [success("shows one", "/volumes/{volume}", 200, { equals: shape }), unknown("/volumes/no-such")],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "PUT /volumes/:name": {
    cases: [
      success("says that only a swarm's can be changed", "/volumes/{volume}?version=1", 503, {
        body: {},
        says: "volume update only valid for cluster volumes, but swarm is unavailable",
      }),
    ],
    never: {
      notFound: "no volume can be changed",
      conflict: "no volume can be changed",
      badInput: "no volume can be changed",
    },
  },
  "DELETE /volumes/:name": {
    cases: [
      success("removes", "/volumes/{volume}", 204),
      success("is forced to remove what is not there", "/volumes/no-such?force=1", 204),
      unknown("/volumes/no-such"),
      conflict(
        "is given one that is in use",
        "/volumes/{usedVolume}",
        "remove {usedVolume}: volume is in use - [{usedVolume.user}]",
      ),
      conflict(
        "is forced to remove one that is in use",
        "/volumes/{usedVolume}?force=1",
        "remove {usedVolume}: volume is in use - [{usedVolume.user}]",
      ),
    ],
    never: { badInput: "every name is one that may not exist" },
  },
}

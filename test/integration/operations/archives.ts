import { tarOf } from "../../tar-archive.ts"
import { badInput, notFound, type Operations, reasons, success } from "./operation.ts"

const status = { "x-docker-container-path-stat": /^[A-Za-z0-9+/]+=*$/ }
const missing = (path: string) => [
  notFound("is given an unknown container", `/containers/no-such/archive?path=/`, "No such container: no-such"),
  notFound("is given an unknown path", path, "Could not find the file /no/such in container {shared}"),
]
const tar = tarOf(["file", {}, "x"])
const type = { "content-type": "application/x-tar" }

export const archives: Operations = {
  "HEAD /containers/:id/archive": {
    cases: [
      success("tells of a path", "/containers/{shared}/archive?path=/etc", 200, { answers: status, equals: "" }),
      {
        shows: "notFound",
        when: "is given an unknown path",
        path: "/containers/{shared}/archive?path=/no/such",
        status: 404,
      },
      { shows: "badInput", when: "is given no path", path: "/containers/{shared}/archive", status: 400 },
    ],
    never: { conflict: reasons.changesNothing },
  },
  "GET /containers/:id/archive": {
    cases: [
      success("gives a path as a tar", "/containers/{shared}/archive?path=/etc/hostname", 200, {
        answers: { ...status, "content-type": "application/x-tar" },
      }),
      success("gives it compressed", "/containers/{shared}/archive?path=/etc/hostname", 200, {
        headers: { "accept-encoding": "gzip" },
        answers: { ...status, "content-encoding": "gzip" },
      }),
      ...missing("/containers/{shared}/archive?path=/no/such"),
      badInput("is given no path", "/containers/{shared}/archive", "bad parameter: 'path' cannot be empty"),
    ],
    never: { conflict: reasons.changesNothing },
  },
  "PUT /containers/:id/archive": {
    cases: [
      success("unpacks a tar", "/containers/{running}/archive?path=/tmp", 200, {
        body: tar,
        headers: type,
        equals: "",
      }),
      ...missing("/containers/{shared}/archive?path=/no/such").map((one) => ({ ...one, body: tar, headers: type })),
      badInput("is given no path", "/containers/{shared}/archive", "bad parameter: 'path' cannot be empty", {
        body: tar,
        headers: type,
      }),
      badInput(
        "is given a file for a directory",
        "/containers/{shared}/archive?path=/etc/hostname",
        "extraction point is not a directory",
        {
          body: tar,
          headers: type,
        },
      ),
      {
        shows: "badInput",
        when: "is given a root that is only read",
        path: "/containers/{reader}/archive?path=/",
        status: 403,
        says: "container rootfs is marked read-only",
        body: tar,
        headers: type,
      },
    ],
    never: { conflict: "a path is replaced whatever it was" },
  },
}

import { constants } from "node:fs"
import type { PathStatus } from "../../core/files/contract.ts"
import { Failure } from "../../errors/failure.ts"
import { formatNanos } from "../../std/clock.ts"
import { compress } from "../../std/compression.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import { encodeJson } from "../../std/json.ts"
import type { Containers } from "../containers/contract.ts"
import { flag, type QueryField } from "./query.ts"
import { empty, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const path: QueryField<string> = ([value]) => {
  if (!value) throw new Failure("invalidArgument", "bad parameter: 'path' cannot be empty")
  return value
}

/** `docker cp`: a path of a container as a tar, a tar into a directory of a container. */
export const archiveRoutes = (c: Containers): RouteTable => [
  route("HEAD /containers/:id/archive", {
    query: { path },
    run: async ({ scope, params, query }) =>
      empty(200, statusHeader(await c.archiveStatus(scope, params.id, query.path))),
  }),
  route("GET /containers/:id/archive", {
    query: { path },
    run: async ({ scope, params, query, request }): Promise<Reply> => {
      const { status, chunks } = await c.readArchive(scope, params.id, query.path)
      const zipped = acceptsGzip(request)
      return {
        kind: "bytes",
        contentType: "application/x-tar",
        headers: { ...statusHeader(status), ...(zipped ? { "Content-Encoding": "gzip" } : {}) },
        // The connection is rarely the bottleneck: little compression, much speed.
        chunks: zipped ? compress(chunks, "gzip", { level: 1 }) : chunks,
      }
    },
  }),
  route("PUT /containers/:id/archive", {
    query: { path, noOverwriteDirNonDir: flag(), copyUIDGID: flag() },
    run: async ({ scope, params, query, request }) => {
      const options = { path: query.path, keepKinds: query.noOverwriteDirNonDir, copyOwner: query.copyUIDGID }
      await c.extractArchive(scope, params.id, options, request.body)
      return empty(200)
    },
  }),
]

/** Whether the client takes gzip: named, or by a star, and not refused by `q=0` (RFC 9110, section 12.5.3). */
function acceptsGzip(request: HttpRequest): boolean {
  return (request.headers.get("accept-encoding") ?? "").split(",").some((text) => {
    const [coding, ...parameters] = text.split(";").map((word) => word.trim().toLowerCase())
    const refused = parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    return (coding === "gzip" || coding === "*") && !refused
  })
}

const statusHeader = ({ name, size, mode, mtime, linkTarget }: PathStatus) => ({
  "X-Docker-Container-Path-Stat": Buffer.from(
    encodeJson({ name, size, mode: goMode(mode), mtime: formatNanos(mtime), linkTarget }),
  ).toString("base64"),
})

/** A mode of stat(2) as Go's `os.FileMode` has it: clients read the number by its bits. */
function goMode(mode: number): number {
  const types: Readonly<Record<number, number>> = {
    [constants.S_IFDIR]: 2 ** 31,
    [constants.S_IFLNK]: 2 ** 27,
    [constants.S_IFBLK]: 2 ** 26,
    [constants.S_IFCHR]: 2 ** 26 + 2 ** 21,
    [constants.S_IFIFO]: 2 ** 25,
    [constants.S_IFSOCK]: 2 ** 24,
  }
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0)
  return (types[mode & constants.S_IFMT] ?? 0) + special + (mode & 0o777)
}

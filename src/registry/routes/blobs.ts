import type { Digest } from "../../oci/digest.ts"
import { checkedDigest } from "../names.ts"
import { Refusal } from "../refusal.ts"
import type { Call } from "./call.ts"
import { entityTag, unchanged } from "./conditions.ts"
import { requestedRange } from "./range.ts"
import { origin, type RegistryServices } from "./services.ts"

/** The head fields of a blob. Its content never changes, so it may be kept for ever. */
export const blobHeaders = (digest: Digest) => ({
  "Content-Type": "application/octet-stream",
  "Content-Disposition": "attachment",
  "Docker-Content-Digest": digest,
  ETag: entityTag(digest),
  "Accept-Ranges": "bytes",
  "Cache-Control": "max-age=31536000",
})

const unknownBlob = (digest: string): Refusal =>
  new Refusal("BLOB_UNKNOWN", `the repository has no blob ${digest}`, { detail: { digest } })

/** GET and HEAD of a blob (end-2). */
export async function getBlob(call: Call, services: RegistryServices, text: string): Promise<void> {
  const digest = checkedDigest(text)
  const { repository } = call
  const info = await services.repositories.links.find(repository, digest)
  if (!info) {
    if (services.upstream.covers(repository) && (await services.upstream.sendBlob(call, repository, digest))) return
    throw unknownBlob(digest)
  }
  services.upstream.used(repository, digest)
  if (unchanged(call.header("if-none-match"), digest)) {
    call.send(304, { ETag: entityTag(digest), "Docker-Content-Digest": digest })
    return
  }
  const ifRange = call.header("if-range")
  const asked = ifRange === undefined || ifRange === entityTag(digest) ? call.header("range") : undefined
  const range = requestedRange(asked, info.size)
  if (range === "unsatisfiable") {
    throw new Refusal("SIZE_INVALID", `the blob has ${info.size} bytes: the requested range lies outside`, {
      status: 416,
      headers: { "Content-Range": `bytes */${info.size}` },
    })
  }
  const { start, end } = range ?? { start: 0, end: info.size }
  const headers = {
    ...blobHeaders(digest),
    ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${info.size}` } : {}),
  }
  const status = range ? 206 : 200
  if (call.request.method === "HEAD") {
    call.head(status, headers, end - start)
    return
  }
  const elsewhere = await services.storage.blobs.address?.(digest)
  if (elsewhere) {
    call.send(307, { Location: elsewhere, "Docker-Content-Digest": digest })
    return
  }
  await using reader = await services.storage.blobs.open(repository, digest)
  if (!reader) throw unknownBlob(digest)
  await call.stream(status, headers, end - start, reader.stream(start, end))
  if (start === 0) {
    services.events({ action: "pull", ...origin(call), digest, mediaType: "application/octet-stream", size: info.size })
  }
}

/** DELETE of a blob (end-10). */
export async function deleteBlob(call: Call, services: RegistryServices, text: string): Promise<void> {
  const digest = checkedDigest(text)
  if (!(await services.repositories.deleteBlob(call.repository, digest))) throw unknownBlob(digest)
  services.events({ action: "delete", ...origin(call), digest })
  call.send(202)
}

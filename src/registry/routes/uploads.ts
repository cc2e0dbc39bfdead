import type { Digest } from "../../oci/digest.ts"
import { checkedDigest, isRepositoryName } from "../names.ts"
import { Refusal } from "../refusal.ts"
import type { Algorithm, Upload } from "../uploads/upload.ts"
import type { Call } from "./call.ts"
import { chunkRange } from "./range.ts"
import { origin, type RegistryServices } from "./services.ts"

const address = (upload: Upload): string => `/v2/${upload.repository}/blobs/uploads/${upload.id}`

/** Where the upload stands: the position of the last byte, as every registry tells it (`0-0` for nothing too). */
const progress = (upload: Upload) => ({
  Location: address(upload),
  Range: `0-${Math.max(0, upload.offset - 1)}`,
  "Docker-Upload-UUID": upload.id,
})

/** POST: begins an upload, mounts a blob, or takes a whole blob at once (end-4a, end-4b, end-11). */
export async function startUpload(call: Call, services: RegistryServices): Promise<void> {
  const mount = call.query.get("mount")
  if (mount !== null && (await mounted(call, services, checkedDigest(mount)))) return
  const given = call.query.get("digest")
  const digest = given === null ? undefined : checkedDigest(given)
  await admit(call, services)
  const upload = await services.uploads.start(call.repository, algorithm(call, digest))
  if (digest === undefined) {
    call.send(202, progress(upload))
    return
  }
  try {
    await append(call, services, upload)
    await complete(call, services, upload, digest)
  } catch (error) {
    await services.uploads.finish(upload)
    throw error
  }
}

/** PATCH: the next chunk (end-5). */
export async function continueUpload(call: Call, services: RegistryServices, id: string): Promise<void> {
  const upload = await services.uploads.get(call.repository, id)
  await append(call, services, upload)
  call.send(202, progress(upload))
}

/** PUT: the last chunk, if any, and the blob's digest (end-6). */
export async function finishUpload(call: Call, services: RegistryServices, id: string): Promise<void> {
  const upload = await services.uploads.get(call.repository, id)
  const given = call.query.get("digest")
  if (given === null) throw new Refusal("DIGEST_INVALID", "the blob's digest is missing: add ?digest=")
  const digest = checkedDigest(given)
  if (call.request.hasBody) await append(call, services, upload)
  await complete(call, services, upload, digest)
}

/** GET: where the upload stands (end-13). */
export async function uploadStatus(call: Call, services: RegistryServices, id: string): Promise<void> {
  call.send(204, progress(await services.uploads.get(call.repository, id)))
}

/** DELETE: gives the upload up. */
export async function cancelUpload(call: Call, services: RegistryServices, id: string): Promise<void> {
  const upload = await services.uploads.get(call.repository, id)
  await upload.exclusively(() => services.uploads.finish(upload))
  call.send(204)
}

async function mounted(call: Call, services: RegistryServices, digest: Digest): Promise<boolean> {
  const from = call.query.get("from") || undefined
  const { repository } = call
  if (from !== undefined && (!isRepositoryName(from) || !call.access.may("pull", from))) return false
  // Without a source only those who may read everything may learn what is there.
  if (from === undefined && !call.access.may("pull", "**")) return false
  const info = await services.repositories.links.mount(repository, digest, from)
  if (!info) return false
  services.events({
    action: "mount",
    ...origin(call),
    digest,
    size: info.size,
    ...(from === undefined ? {} : { fromRepository: from }),
  })
  created(call, digest)
  return true
}

function algorithm(call: Call, digest: Digest | undefined): Algorithm {
  const named = call.query.get("digest-algorithm") ?? digest?.slice(0, 6) ?? "sha256"
  if (named === "sha256" || named === "sha512") return named
  throw new Refusal("DIGEST_INVALID", `unsupported digest algorithm "${named}": use sha256 or sha512`)
}

async function admit(call: Call, services: RegistryServices): Promise<number> {
  const length = Number(call.header("content-length") ?? 0)
  return await services.repositories.links.room(call.repository, length)
}

/** Takes the request's body after checking that it is the one that comes next. */
async function append(call: Call, services: RegistryServices, upload: Upload): Promise<void> {
  const field = call.header("content-range")
  if (field !== undefined) {
    const range = chunkRange(field)
    if (!range) throw new Refusal("BLOB_UPLOAD_INVALID", `malformed Content-Range "${field}": use FIRST-LAST`)
    if (range.start !== upload.offset) {
      throw new Refusal(
        "BLOB_UPLOAD_INVALID",
        `the chunk starts at ${range.start}, the upload stands at ${upload.offset}: send what comes next`,
        { status: 416, headers: progress(upload) },
      )
    }
    const length = call.header("content-length")
    if (length !== undefined && Number(length) !== range.end - range.start) {
      throw new Refusal(
        "SIZE_INVALID",
        `Content-Range names ${range.end - range.start} bytes, Content-Length ${length}`,
      )
    }
  }
  const limit = await admit(call, services)
  await upload.append(call.request.body, { limit })
}

async function complete(call: Call, services: RegistryServices, upload: Upload, digest: Digest): Promise<void> {
  await upload.exclusively(async () => {
    const size = upload.offset
    try {
      await services.repositories.links.adopt(call.repository, digest, upload)
    } catch (error) {
      if (error instanceof Refusal) await services.uploads.finish(upload)
      throw error
    }
    await services.uploads.finish(upload)
    services.events({ action: "push", ...origin(call), digest, mediaType: "application/octet-stream", size })
  })
  created(call, digest)
}

function created(call: Call, digest: Digest): void {
  call.send(201, { Location: `/v2/${call.repository}/blobs/${digest}`, "Docker-Content-Digest": digest })
}

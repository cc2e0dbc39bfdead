import { createHash } from "node:crypto"
import { algorithmOf, type Digest, digestOf, hexOf } from "../../oci/digest.ts"
import { checkedDigest, checkedReference, isTag } from "../names.ts"
import { Refusal } from "../refusal.ts"
import type { ManifestRecord } from "../repositories/repositories.ts"
import type { Call } from "./call.ts"
import { checkWrite, entityTag, unchanged } from "./conditions.ts"
import { origin, type RegistryServices } from "./services.ts"

const unknownManifest = (repository: string, reference: string): Refusal =>
  new Refusal("MANIFEST_UNKNOWN", `repository ${repository} has no manifest ${reference}`, {
    detail: { name: repository, reference },
  })

/** GET and HEAD of a manifest (end-3). */
export async function getManifest(call: Call, services: RegistryServices, text: string): Promise<void> {
  const { repository } = call
  // What cannot be a tag does not exist either; readers are told so.
  if (!text.includes(":") && !isTag(text)) throw unknownManifest(repository, text)
  const reference = checkedReference(text)
  if (services.upstream.covers(repository)) await services.upstream.fetchManifest(repository, reference)
  const record = await lookUp(services, repository, reference)
  if (!record) throw unknownManifest(repository, text)
  const headers = {
    "Content-Type": record.mediaType,
    "Content-Disposition": "attachment",
    "Docker-Content-Digest": record.digest,
    ETag: entityTag(record.digest),
  }
  if (unchanged(call.header("if-none-match"), record.digest)) {
    call.send(304, headers)
    return
  }
  if (call.request.method === "HEAD") {
    call.head(200, headers, record.size)
    return
  }
  const bytes = await services.repositories.bytes(repository, record.digest)
  if (!bytes) throw unknownManifest(repository, text)
  call.send(200, headers, bytes)
  services.events({
    action: "pull",
    ...origin(call),
    digest: record.digest,
    mediaType: record.mediaType,
    size: record.size,
    ...("tag" in reference ? { tag: reference.tag } : {}),
  })
}

async function lookUp(
  services: RegistryServices,
  repository: string,
  reference: { readonly tag: string } | { readonly digest: Digest },
): Promise<ManifestRecord | undefined> {
  if ("digest" in reference) return await services.repositories.manifest(repository, reference.digest)
  return await services.repositories.tag(repository, reference.tag)
}

/** PUT of a manifest, under a tag or its digest with any number of tags (end-7). */
export async function putManifest(call: Call, services: RegistryServices, text: string): Promise<void> {
  const reference = checkedReference(text)
  const { repository } = call
  const further = call.query.getAll("tag")
  for (const tag of further) {
    if (!isTag(tag)) throw new Refusal("MANIFEST_INVALID", `invalid tag "${tag}"`, { detail: { tag } })
  }
  const bytes = await readBody(call, services.repositories.policy.manifestLimit)
  const digest = digestFor(call, reference, bytes)
  const tags = [...("tag" in reference ? [reference.tag] : []), ...further]
  const conditions = { ifMatch: call.header("if-match"), ifNoneMatch: call.header("if-none-match") }
  const facts = await services.repositories.put({
    repository,
    digest,
    bytes,
    contentType: call.header("content-type"),
    tags,
    precondition: (current) => checkWrite(conditions, current),
  })
  for (const tag of tags.length > 0 ? tags : [undefined]) {
    services.events({
      action: "push",
      ...origin(call),
      digest,
      mediaType: facts.mediaType,
      size: bytes.length,
      ...(tag === undefined ? {} : { tag }),
    })
  }
  call.send(201, {
    Location: `/v2/${repository}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
    ...(facts.subject ? { "OCI-Subject": facts.subject } : {}),
    ...(further.length > 0 ? { "OCI-Tag": further } : {}),
  })
}

function digestFor(call: Call, reference: { tag: string } | { digest: Digest }, bytes: Uint8Array): Digest {
  const given = call.query.get("digest")
  const wanted = "digest" in reference ? reference.digest : given === null ? undefined : checkedDigest(given)
  if (wanted === undefined) return digestOf(bytes)
  if (createHash(algorithmOf(wanted)).update(bytes).digest("hex") === hexOf(wanted)) return wanted
  throw new Refusal("DIGEST_INVALID", `the manifest does not have the digest ${wanted} under which it was sent`, {
    detail: { digest: wanted },
  })
}

async function readBody(call: Call, limit: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new Refusal("SIZE_INVALID", `manifests of more than ${limit} bytes are not taken`, { status: 413 })
  if (Number(call.header("content-length") ?? 0) > limit) throw tooLarge()
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of call.request.body) {
    size += part.length
    if (size > limit) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** DELETE of a tag or of a manifest with all its tags (end-9). */
export async function deleteManifest(call: Call, services: RegistryServices, text: string): Promise<void> {
  const reference = checkedReference(text)
  const { repository } = call
  const deleted =
    "tag" in reference
      ? await services.repositories.deleteTag(repository, reference.tag)
      : await services.repositories.deleteManifest(repository, reference.digest)
  if (!deleted) throw unknownManifest(repository, text)
  services.events({ action: "delete", ...origin(call), ...reference })
  call.send(202)
}

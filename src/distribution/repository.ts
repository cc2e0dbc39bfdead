import { Failure, isKind } from "../errors/failure.ts"
import { type Descriptor, isIndex, isManifest, mediaTypes } from "../oci/descriptor.ts"
import { type Digest, digestOf, isDigest } from "../oci/digest.ts"
import { manifestFault, notJson } from "../oci/manifest-form.ts"
import { BlobUpload } from "./blob-upload.ts"
import type { HttpAnswer } from "./http-client.ts"
import { readBytes, readText } from "./read-bytes.ts"
import { referrerOf, referrersTag, withReferrer } from "./referrers-tag.ts"
import { isRegistryCode, RegistryError } from "./registry-error.ts"
import type { RegistrySession } from "./registry-session.ts"
import { type RemoteBlob, remoteBlob } from "./remote-blob.ts"
import type { RetryPolicy } from "./retry.ts"
import { type MirrorTrouble, Ways } from "./ways.ts"

/** A manifest or an index as the registry has it. */
export interface RemoteManifest {
  readonly descriptor: Descriptor
  readonly bytes: Uint8Array
}

const manifestTypes = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.docker.distribution.manifest.v1+json",
  "*/*",
].join(", ")
/** The limit that registries have to accept (OCI distribution spec, "Pushing Manifests"). */
const largestManifest = 4 << 20
const largestList = 8 << 20
/** Pages of a list beyond this are not asked for. */
const mostPages = 1000

/** One repository of one registry (OCI distribution spec 1.1), asked on the ways that lead there. */
export class Repository {
  /** The path within the registry: `library/busybox`. */
  readonly name: string
  readonly domain: string
  readonly #ways: Ways
  readonly #retries: RetryPolicy

  constructor(parts: {
    readonly name: string
    readonly domain: string
    readonly sessions: readonly RegistrySession[]
    readonly retries: RetryPolicy
    readonly trouble: MirrorTrouble
  }) {
    this.name = parts.name
    this.domain = parts.domain
    this.#retries = parts.retries
    this.#ways = new Ways(parts)
  }

  /**
   * What a tag or digest is now, by HEAD: rate limits do not count it. Registries that do not tell by HEAD are asked by GET.
   * @throws RegistryError `MANIFEST_UNKNOWN`
   */
  async resolve(reference: string, signal?: AbortSignal): Promise<Descriptor> {
    return await this.#ways.patiently("resolve", signal, async (session) => {
      let answer: HttpAnswer
      try {
        answer = await this.#manifest(session, "HEAD", reference, signal)
      } catch (error) {
        // A HEAD's refusal has no body to tell why: GET has.
        if (!(error instanceof RegistryError) || error.status === 429) throw error
        return (await this.#get(session, reference, signal)).descriptor
      }
      const digest = isDigest(reference) ? reference : answer.headers.get("docker-content-digest")
      const size = Number(answer.headers.get("content-length"))
      const mediaType = typeOf(answer)
      if (!digest || !isDigest(digest) || !(size > 0) || !mediaType) {
        return (await this.#get(session, reference, signal)).descriptor
      }
      return { mediaType, digest, size }
    })
  }

  /** A manifest by tag or digest, its bytes verified. @throws RegistryError `MANIFEST_UNKNOWN`; dataLoss for other bytes than the digest's */
  async manifest(reference: string, signal?: AbortSignal): Promise<RemoteManifest> {
    return await this.#ways.patiently("pull", signal, (session) => this.#get(session, reference, signal))
  }

  /**
   * Opens a blob from `offset`, or the `length` bytes from there. Not tried again here: who reads it knows how far it came.
   * @throws RegistryError `BLOB_UNKNOWN`
   */
  async blob(
    digest: Digest,
    options: { readonly offset?: number; readonly length?: number; readonly signal?: AbortSignal } = {},
  ): Promise<RemoteBlob> {
    const { offset = 0, length, signal } = options
    const ranged = offset > 0 || length !== undefined
    return await this.#ways.once("pull", signal, async (session) => {
      const answer = await session.request({
        method: "GET",
        to: `/${this.name}/blobs/${digest}`,
        ...(ranged ? { headers: { Range: `bytes=${offset}-${length === undefined ? "" : offset + length - 1}` } } : {}),
        scopes: [this.#scope("pull")],
        expect: ranged ? [200, 206] : [200],
        ...(signal ? { signal } : {}),
      })
      return remoteBlob(answer, (why) => this.#ways.leave(session, why))
    })
  }

  /** A layer that lies outside registries, at the first of `urls` that has it; nobody's credentials are sent. */
  async foreignBlob(
    urls: readonly string[],
    options: { readonly offset?: number; readonly signal?: AbortSignal } = {},
  ): Promise<RemoteBlob> {
    const { offset = 0, signal } = options
    return await this.#ways.once("pull", signal, async (session) => {
      let failure: unknown
      for (const url of urls) {
        try {
          const answer = await session.request({
            method: "GET",
            to: new URL(url),
            ...(offset > 0 ? { headers: { Range: `bytes=${offset}-` } } : {}),
            scopes: [],
            expect: [200, 206],
            ...(signal ? { signal } : {}),
          })
          return remoteBlob(answer, () => false)
        } catch (error) {
          failure = error
        }
      }
      throw failure
    })
  }

  /** The size of a blob that the repository has; undefined when it has none. */
  async blobSize(digest: Digest, signal?: AbortSignal): Promise<number | undefined> {
    return await this.#ways.patiently("push", signal, async (session) => {
      try {
        const answer = await session.request({
          method: "HEAD",
          to: `/${this.name}/blobs/${digest}`,
          scopes: [this.#scope("pull,push")],
          expect: [200],
          ...(signal ? { signal } : {}),
        })
        return Number(answer.headers.get("content-length") ?? 0)
      } catch (error) {
        if (error instanceof RegistryError && error.status === 404) return undefined
        throw error
      }
    })
  }

  /**
   * Begins an upload, or takes the blob over from another repository of the registry.
   * @returns undefined when the blob is there now
   */
  async upload(
    digest: Digest,
    options: { readonly mountFrom?: string; readonly signal?: AbortSignal } = {},
  ): Promise<BlobUpload | undefined> {
    const { mountFrom, signal } = options
    return await this.#ways.patiently("push", signal, async (session) => {
      const query = mountFrom ? `?${new URLSearchParams({ mount: digest, from: mountFrom })}` : ""
      const scopes = [this.#scope("pull,push"), ...(mountFrom ? [`repository:${mountFrom}:pull`] : [])]
      const answer = await session.request({
        method: "POST",
        to: `/${this.name}/blobs/uploads/${query}`,
        scopes,
        expect: [201, 202],
        ...(signal ? { signal } : {}),
      })
      for await (const _ of answer.body);
      if (answer.status === 201) return undefined
      const retries = this.#retries
      const scope = this.#scope("pull,push")
      return new BlobUpload({ session, answer, digest, scope, retries, ...(signal ? { signal } : {}) })
    })
  }

  /**
   * Stores a manifest under a tag or its digest. Where the registry keeps no list of referrers, one that refers to another is added
   * to the list under the other's tag.
   * @returns the digest that the registry tells
   */
  async putManifest(reference: string, mediaType: string, bytes: Uint8Array, signal?: AbortSignal): Promise<Digest> {
    return await this.#ways.patiently("push", signal, async (session) => {
      const answer = await this.#put(session, reference, mediaType, bytes, signal)
      const told = answer.headers.get("docker-content-digest")
      const digest = digestOf(bytes)
      if (told?.startsWith("sha256:") && told !== digest) {
        throw new Failure("dataLoss", `${this.domain} stored manifest ${digest} as ${told}; push again`)
      }
      if (!answer.headers.has("oci-subject")) await this.#list(session, mediaType, bytes, signal)
      return digest
    })
  }

  /** Deletes a manifest, or with a tag only the tag where the registry can. */
  async deleteManifest(reference: string, signal?: AbortSignal): Promise<void> {
    await this.#ways.patiently("push", signal, async (session) => {
      const answer = await session.request({
        method: "DELETE",
        to: `/${this.name}/manifests/${reference}`,
        scopes: [this.#scope("delete,pull,push")],
        expect: [200, 202, 204],
        ...(signal ? { signal } : {}),
      })
      for await (const _ of answer.body);
    })
  }

  /** Every tag of the repository, in the registry's order. */
  async tags(signal?: AbortSignal): Promise<readonly string[]> {
    return await this.#ways.patiently("resolve", signal, async (session) => {
      const found: string[] = []
      for await (const page of this.#pages(session, `/${this.name}/tags/list`, {}, signal)) {
        const { tags } = parse(page, "list of tags") as { tags?: unknown }
        if (Array.isArray(tags)) found.push(...tags.filter((tag): tag is string => typeof tag === "string"))
      }
      return found
    })
  }

  /**
   * What refers to `digest`: signatures, SBOMs, attestations (OCI distribution spec, "Listing Referrers"), by the tag scheme
   * where the registry has no API for it.
   */
  async referrers(digest: Digest, signal?: AbortSignal): Promise<readonly Descriptor[]> {
    return await this.#ways.patiently("resolve", signal, async (session) => {
      const found: Descriptor[] = []
      try {
        const accept = { Accept: mediaTypes.ociIndex }
        for await (const page of this.#pages(session, `/${this.name}/referrers/${digest}`, accept, signal)) {
          found.push(...referrersIn(page))
        }
        return found
      } catch (error) {
        if (!(error instanceof RegistryError) || ![400, 404, 405].includes(error.status)) throw error
      }
      return await this.#listed(session, digest, signal)
    })
  }

  /** The referrers under the tag that stands in for the registry's own list; none when there is no such tag. */
  async #listed(
    session: RegistrySession,
    subject: Digest,
    signal: AbortSignal | undefined,
  ): Promise<readonly Descriptor[]> {
    try {
      const { bytes } = await this.#get(session, referrersTag(subject), signal)
      return referrersIn(Buffer.from(bytes).toString("utf8"))
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return []
      throw error
    }
  }

  /** Adds a manifest that refers to another to the list under the other's tag. */
  async #list(
    session: RegistrySession,
    mediaType: string,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const referrer = referrerOf(mediaType, bytes)
    if (!referrer) return
    const { subject, descriptor } = referrer
    const list = withReferrer(await this.#listed(session, subject, signal), descriptor)
    if (list) await this.#put(session, referrersTag(subject), mediaTypes.ociIndex, list, signal)
  }

  /** The pages of a list, each as it comes. @throws unavailable for a list without end */
  async *#pages(
    session: RegistrySession,
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<string> {
    let to: string | URL | undefined = path
    for (let page = 0; to !== undefined; page++) {
      if (page === mostPages) throw new Failure("unavailable", `the list ${path} of ${this.domain} has no end`)
      const answer: HttpAnswer = await session.request({
        method: "GET",
        to,
        headers,
        scopes: [this.#scope("pull")],
        expect: [200],
        ...(signal ? { signal } : {}),
      })
      yield await readText(answer.body, largestList)
      to = nextPage(answer)
    }
  }

  async #get(session: RegistrySession, reference: string, signal: AbortSignal | undefined): Promise<RemoteManifest> {
    const answer = await this.#manifest(session, "GET", reference, signal)
    const bytes = await readBytes(answer.body, largestManifest, `manifest ${reference} of ${this.name}`)
    const told = isDigest(reference) ? reference : answer.headers.get("docker-content-digest")
    const digest = digestOf(bytes)
    if (told?.startsWith("sha256:") && told !== digest) {
      throw new Failure("dataLoss", `manifest verification failed for digest ${told}: ${this.domain} sent ${digest}`)
    }
    const sent = typeOf(answer)
    const mediaType = mediaTypeIn(bytes) ?? sent ?? ""
    // Registries are known to send a general type; a manifest's type that is not the one within is two meanings for one digest.
    const announced = sent !== undefined && (isIndex(sent) || isManifest(sent)) ? sent : mediaType
    const fault = manifestFault(bytes, announced)
    if (fault === undefined) return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
    const said = `manifest ${reference} of ${this.name} from ${answer.url.host} ${fault}`
    // No registry sends anything else than JSON: somebody on the way has answered (a portal, a proxy).
    if (fault === notJson) throw new Failure("unavailable", `${said} (Content-Type ${sent ?? "none"})`)
    throw new Failure("invalidArgument", `${said}: it is refused, because readers could take it for different things`)
  }

  #manifest(session: RegistrySession, method: "GET" | "HEAD", reference: string, signal: AbortSignal | undefined) {
    return session.request({
      method,
      to: `/${this.name}/manifests/${reference}`,
      headers: { Accept: manifestTypes },
      scopes: [this.#scope("pull")],
      expect: [200],
      ...(signal ? { signal } : {}),
    })
  }

  async #put(
    session: RegistrySession,
    reference: string,
    mediaType: string,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    const answer = await session.request({
      method: "PUT",
      to: `/${this.name}/manifests/${reference}`,
      headers: { "Content-Type": mediaType },
      body: { length: bytes.length, open: () => once(bytes) },
      scopes: [this.#scope("pull,push")],
      expect: [200, 201, 202],
      ...(signal ? { signal } : {}),
    })
    for await (const _ of answer.body);
    return answer
  }

  #scope(actions: string): string {
    return `repository:${this.name}:${actions}`
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

const typeOf = (answer: HttpAnswer): string | undefined => answer.headers.get("content-type")?.split(";")[0]?.trim()

/** The type that a manifest gives itself: registries are known to send others. */
function mediaTypeIn(bytes: Uint8Array): string | undefined {
  try {
    const document = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown> | null
    if (typeof document?.["mediaType"] === "string") return document["mediaType"]
    if (document?.["schemaVersion"] === 1) return "application/vnd.docker.distribution.manifest.v1+prettyjws"
    return undefined
  } catch {
    return undefined
  }
}

function parse(text: string, what: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null) return value
  } catch {
    // Told below.
  }
  throw new Failure("unavailable", `the registry's ${what} is not JSON`)
}

function referrersIn(text: string): readonly Descriptor[] {
  const { manifests } = parse(text, "list of referrers") as { manifests?: unknown }
  return Array.isArray(manifests) ? manifests.filter((each) => isDigest(String(each?.digest))) : []
}

/** The address of the next page (RFC 8288, `rel="next"`). */
function nextPage(answer: HttpAnswer): URL | undefined {
  const link = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(answer.headers.get("link") ?? "")
  return link ? new URL(link[1]!, answer.url) : undefined
}

/** Whether the registry says that it does not have what was asked for. */
export const isUnknown = (error: unknown): boolean =>
  isRegistryCode(error, "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND") || isKind(error, "notFound")

import { Failure, isKind } from "../errors/failure.ts"
import type { Descriptor } from "../oci/descriptor.ts"
import { type Digest, digestOf } from "../oci/digest.ts"
import { BlobUpload } from "./blob-upload.ts"
import { addReferrer, listReferrers } from "./referrers.ts"
import { isRegistryCode, RegistryError } from "./registry-error.ts"
import type { RegistrySession } from "./registry-session.ts"
import { type RemoteBlob, remoteBlob } from "./remote-blob.ts"
import { parseList, type RemoteManifest, RepositoryRequests } from "./repository-requests.ts"
import type { RetryPolicy } from "./retry.ts"
import { type MirrorTrouble, Ways } from "./ways.ts"

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
      const requests = this.#at(session, signal)
      return (await requests.describe(reference)) ?? (await requests.manifest(reference)).descriptor
    })
  }

  /** A manifest by tag or digest, its bytes verified. @throws RegistryError `MANIFEST_UNKNOWN`; dataLoss for other bytes than the digest's */
  async manifest(reference: string, signal?: AbortSignal): Promise<RemoteManifest> {
    return await this.#ways.patiently("pull", signal, (session) => this.#at(session, signal).manifest(reference))
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
      const requests = this.#at(session, signal)
      const answer = await requests.putManifest(reference, mediaType, bytes)
      const told = answer.headers.get("docker-content-digest")
      const digest = digestOf(bytes)
      if (told?.startsWith("sha256:") && told !== digest) {
        throw new Failure("dataLoss", `${this.domain} stored manifest ${digest} as ${told}; push again`)
      }
      if (!answer.headers.has("oci-subject")) await addReferrer(requests, mediaType, bytes)
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
      for await (const page of this.#at(session, signal).pages(`/${this.name}/tags/list`)) {
        const { tags } = parseList(page, "list of tags") as { tags?: unknown }
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
    return await this.#ways.patiently("resolve", signal, (session) => listReferrers(this.#at(session, signal), digest))
  }

  #at(session: RegistrySession, signal: AbortSignal | undefined): RepositoryRequests {
    return new RepositoryRequests({ name: this.name, domain: this.domain, session, ...(signal ? { signal } : {}) })
  }

  #scope(actions: string): string {
    return `repository:${this.name}:${actions}`
  }
}

/** Whether the registry says that it does not have what was asked for. */
export const isUnknown = (error: unknown): boolean =>
  isRegistryCode(error, "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN", "NOT_FOUND") || isKind(error, "notFound")

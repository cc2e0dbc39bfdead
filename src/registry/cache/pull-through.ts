import { Failure, kindOf, messageOf } from "../../errors/failure.ts"
import type { Descriptor } from "../../oci/descriptor.ts"
import type { Digest } from "../../oci/digest.ts"
import type { ProxySettings } from "../config.ts"
import { Refusal } from "../refusal.ts"
import type { Repositories } from "../repositories/repositories.ts"
import { blobHeaders } from "../routes/blobs.ts"
import type { Call } from "../routes/call.ts"
import { requestedRange } from "../routes/range.ts"
import type { Upstream } from "../routes/services.ts"
import type { Uploads } from "../uploads/uploads.ts"
import type { CacheBudget } from "./budget.ts"
import { Download } from "./download.ts"
import type { RemoteRepositories, RemoteRepository } from "./remote.ts"

export interface PullThroughParts {
  readonly proxies: readonly ProxySettings[]
  readonly remote: RemoteRepositories
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly budget: CacheBudget
  /** Told when what is kept is served because the registry does not answer. */
  readonly stale: (repository: string, why: string) => void
}

/** Milliseconds that a client with a copy to be had waits for the upstream to say whether it is fresh. */
const freshTime = 5000
/** Milliseconds for which an upstream that did not answer is not asked about what is here. */
const restTime = 30_000

/** A download with those who read it. */
interface SharedDownload {
  readonly download: Promise<Download>
  users: number
  /** To be called when a user has gone. */
  readonly leave: () => void
}

/**
 * Keeps what is pulled from other registries. A tag is asked for again when it was last looked at longer ago than its time to live, by
 * HEAD, and served as it was when the registry does not answer; what has a digest is asked for once. Blobs reach clients while they
 * are stored, however many ask at a time.
 */
export class PullThrough implements Upstream {
  readonly #parts: PullThroughParts
  readonly #checked = new Map<string, number>()
  /** Until when upstreams are left alone, by address: milliseconds since the epoch. */
  readonly #resting = new Map<string, number>()
  readonly #fetching = new Map<string, Promise<void>>()
  readonly #downloads = new Map<string, SharedDownload>()

  constructor(parts: PullThroughParts) {
    this.#parts = parts
  }

  covers(repository: string): boolean {
    return isCached(this.#parts.proxies, repository)
  }

  mirrored(registry: string, name: string): string {
    return this.#parts.proxies.some(({ prefix }) => prefix === `${registry}/`) ? `${registry}/${name}` : name
  }

  used(repository: string, digest: Digest): void {
    if (this.covers(repository)) this.#parts.budget.used(digest)
  }

  fetchManifest(repository: string, reference: { readonly tag: string } | { readonly digest: Digest }): Promise<void> {
    const text = "tag" in reference ? reference.tag : reference.digest
    const key = `${repository}@${text}`
    let fetching = this.#fetching.get(key)
    if (!fetching) {
      fetching = (
        "tag" in reference ? this.#refresh(repository, text) : this.#fetch(repository, text as Digest)
      ).finally(() => this.#fetching.delete(key))
      this.#fetching.set(key, fetching)
    }
    return fetching
  }

  async sendBlob(call: Call, repository: string, digest: Digest): Promise<boolean> {
    if (call.request.method === "HEAD") {
      const size = await this.#told(repository, async () => (await this.#remote(repository)).blobSize(digest))
      if (size !== undefined) call.head(200, blobHeaders(digest), size)
      return size !== undefined
    }
    const shared = this.#download(repository, digest)
    shared.users++
    try {
      return await this.#send(call, repository, shared.download)
    } finally {
      shared.users--
      shared.leave()
    }
  }

  async #send(call: Call, repository: string, begun: Promise<Download>): Promise<boolean> {
    let download: Download
    let size: number
    try {
      download = await begun
      size = await download.size
    } catch (error) {
      if (kindOf(error) === "notFound") return false
      throw upstreamFailure(repository, error)
    }
    const { digest } = download
    const range = requestedRange(call.header("range"), size)
    if (range === "unsatisfiable") {
      throw new Refusal("SIZE_INVALID", `the blob has ${size} bytes: the requested range lies outside`, {
        status: 416,
        headers: { "Content-Range": `bytes */${size}` },
      })
    }
    // Told before the first byte: what the quota does not admit would break off at the last.
    await this.#parts.repositories.links.room(repository, size)
    const { start, end } = range ?? { start: 0, end: size }
    const headers = {
      ...blobHeaders(digest),
      ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {}),
    }
    await call.stream(range ? 206 : 200, headers, end - start, download.read(start, end))
    return true
  }

  tags(repository: string): Promise<readonly string[]> {
    return this.#listed(
      repository,
      (remote) => remote.tags(),
      () => this.#parts.repositories.tags(repository),
    )
  }

  referrers(repository: string, digest: Digest): Promise<readonly Descriptor[]> {
    return this.#listed(
      repository,
      (remote) => remote.referrers(digest),
      () => this.#parts.repositories.referrers(repository, digest),
    )
  }

  /** What the upstream says, or what is here when it does not answer. */
  async #listed<T>(
    repository: string,
    ask: (remote: RemoteRepository) => Promise<readonly T[]>,
    here: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    if (this.#rests(repository)) {
      const kept = await here()
      if (kept.length > 0) return kept
    }
    try {
      return await ask(await this.#remote(repository))
    } catch (error) {
      if (kindOf(error) === "notFound") {
        throw new Refusal("NAME_UNKNOWN", `the upstream has no repository ${repository}`, {
          detail: { name: repository },
        })
      }
      const kept = await here()
      if (kept.length === 0) throw upstreamFailure(repository, error)
      this.#stale(repository, error)
      return kept
    }
  }

  #find(repository: string): ProxySettings | undefined {
    return this.#parts.proxies.find(({ prefix }) => repository.startsWith(prefix))
  }

  #remote(repository: string): Promise<RemoteRepository> {
    const proxy = this.#find(repository)!
    return this.#parts.remote(proxy, repository.slice(proxy.prefix.length))
  }

  async #refresh(repository: string, tag: string): Promise<void> {
    const kept = await this.#parts.repositories.tag(repository, tag)
    const key = `${repository}:${tag}`
    const checkedAt = this.#checked.get(key) ?? kept?.pushedAt ?? 0
    if (kept && (Date.now() - checkedAt < this.#find(repository)!.ttl || this.#rests(repository))) return
    try {
      const remote = await this.#remote(repository)
      const current = kept && (await remote.resolve(tag, AbortSignal.timeout(freshTime)))
      if (current?.digest !== kept?.digest || !kept) await this.#keep(repository, remote, tag)
      this.#checked.set(key, Date.now())
    } catch (error) {
      if (kindOf(error) === "notFound") throw unknown(repository, tag)
      if (!kept) throw upstreamFailure(repository, error)
      this.#stale(repository, error)
    }
  }

  async #fetch(repository: string, digest: Digest): Promise<void> {
    if (await this.#parts.repositories.manifest(repository, digest)) return
    try {
      await this.#keep(repository, await this.#remote(repository), digest)
    } catch (error) {
      throw kindOf(error) === "notFound" ? unknown(repository, digest) : upstreamFailure(repository, error)
    }
  }

  async #keep(repository: string, remote: RemoteRepository, reference: string): Promise<void> {
    const { descriptor, bytes } = await remote.manifest(reference)
    try {
      await this.#parts.repositories.put({
        repository,
        digest: descriptor.digest,
        bytes,
        contentType: descriptor.mediaType,
        tags: reference.includes(":") ? [] : [reference],
        incomplete: true,
      })
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "MANIFEST_INVALID") throw error
      throw new Failure("unavailable", `what it has as ${reference} cannot be kept: ${error.message}`, error)
    }
  }

  /** The download of a blob, begun when there is none. Its file goes when it is over and nobody reads it any more. */
  #download(repository: string, digest: Digest): SharedDownload {
    const key = `${repository}@${digest}`
    const known = this.#downloads.get(key)
    if (known) return known
    const { uploads, repositories, budget } = this.#parts
    const begin = async (): Promise<Download> => {
      const remote = await this.#remote(repository)
      const upload = await uploads.start(repository, digest.startsWith("sha512") ? "sha512" : "sha256")
      const download = new Download(remote, digest, upload, async () => {
        await repositories.links.adopt(repository, digest, upload)
        budget.added(digest, upload.offset)
      })
      const ended = () => {
        over = true
        this.#downloads.delete(key)
        finish = () => void uploads.finish(upload)
        shared.leave()
      }
      download.stored.then(ended, ended)
      return download
    }
    let over = false
    let finish: (() => void) | undefined
    const shared: SharedDownload = {
      download: begin(),
      users: 0,
      leave: () => {
        if (!over || shared.users > 0) return
        finish?.()
        finish = undefined
      },
    }
    shared.download.catch(() => this.#downloads.delete(key))
    this.#downloads.set(key, shared)
    return shared
  }

  async #told<T>(repository: string, ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask()
    } catch (error) {
      if (kindOf(error) === "notFound") return undefined
      throw upstreamFailure(repository, error)
    }
  }

  #rests(repository: string): boolean {
    return (this.#resting.get(this.#find(repository)!.url) ?? 0) > Date.now()
  }

  /** What is here is served: the upstream does not answer, and is left alone for a while. */
  #stale(repository: string, error: unknown): void {
    this.#resting.set(this.#find(repository)!.url, Date.now() + restTime)
    this.#parts.stale(repository, messageOf(error))
  }
}

/** Whether a repository is one of another registry that is kept here. */
export const isCached = (proxies: readonly ProxySettings[], repository: string): boolean =>
  proxies.some(({ prefix }) => repository.startsWith(prefix))

const unknown = (repository: string, reference: string): Refusal =>
  new Refusal("MANIFEST_UNKNOWN", `neither ${repository} nor its upstream has ${reference}`, {
    detail: { name: repository, reference },
  })

function upstreamFailure(repository: string, error: unknown): unknown {
  if (error instanceof Refusal) return error
  const kind = kindOf(error)
  const why = messageOf(error)
  if (kind === "exhausted")
    return new Refusal("TOOMANYREQUESTS", `the upstream of ${repository} limits requests: ${why}`)
  if (kind === "unauthenticated" || kind === "permissionDenied") {
    return new Refusal("DENIED", `the upstream of ${repository} refuses: ${why}`)
  }
  return new Refusal("UNAVAILABLE", `the upstream of ${repository} does not answer: ${why}`, { status: 502 })
}

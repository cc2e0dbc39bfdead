import { Failure } from "../errors/failure.ts"
import { type Descriptor, isIndex, isManifest, mediaTypes } from "../oci/descriptor.ts"
import { digestOf, isDigest } from "../oci/digest.ts"
import { manifestFault, notJson, parsingFault } from "../oci/manifest-form.ts"
import type { HttpAnswer } from "./http-client.ts"
import { readBytes, readText } from "./read-bytes.ts"
import { RegistryError } from "./registry-error.ts"
import type { RegistrySession } from "./registry-session.ts"

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

/** Requests for the manifests and lists of one repository, at one endpoint, for one operation. Nothing is tried again here. */
export class RepositoryRequests {
  readonly name: string
  readonly #domain: string
  readonly #session: RegistrySession
  readonly #signal: { readonly signal?: AbortSignal }

  constructor(parts: {
    readonly name: string
    readonly domain: string
    readonly session: RegistrySession
    readonly signal?: AbortSignal
  }) {
    this.name = parts.name
    this.#domain = parts.domain
    this.#session = parts.session
    this.#signal = parts.signal ? { signal: parts.signal } : {}
  }

  /** What a tag or digest is, by HEAD. @returns undefined when only GET can tell. @throws RegistryError for 429 */
  async describe(reference: string): Promise<Descriptor | undefined> {
    let answer: HttpAnswer
    try {
      answer = await this.#manifest("HEAD", reference)
    } catch (error) {
      // A HEAD's refusal has no body to tell why: GET has.
      if (!(error instanceof RegistryError) || error.status === 429) throw error
      return undefined
    }
    const digest = isDigest(reference) ? reference : answer.headers.get("docker-content-digest")
    const size = Number(answer.headers.get("content-length"))
    const mediaType = typeOf(answer)
    return digest && isDigest(digest) && size > 0 && mediaType ? { mediaType, digest, size } : undefined
  }

  /**
   * A manifest by tag or digest, its bytes verified.
   * @throws RegistryError `MANIFEST_UNKNOWN`; dataLoss for other bytes than the digest's; invalidArgument for an ambiguous manifest;
   * unavailable for an answer that is no manifest at all
   */
  async manifest(reference: string): Promise<RemoteManifest> {
    const answer = await this.#manifest("GET", reference)
    const bytes = await readBytes(answer.body, largestManifest, `manifest ${reference} of ${this.name}`)
    const told = isDigest(reference) ? reference : answer.headers.get("docker-content-digest")
    const digest = digestOf(bytes)
    if (told?.startsWith("sha256:") && told !== digest) {
      throw new Failure("dataLoss", `manifest verification failed for digest ${told}: ${this.#domain} sent ${digest}`)
    }
    const sent = typeOf(answer)
    const burden = parsingFault(bytes)
    const mediaType = (burden === undefined ? mediaTypeIn(bytes) : undefined) ?? sent ?? ""
    // Registries are known to send a general type; a manifest's type that is not the one within is two meanings for one digest.
    const announced = sent !== undefined && (isIndex(sent) || isManifest(sent)) ? sent : mediaType
    const fault = burden ?? manifestFault(bytes, announced)
    if (fault === undefined) return { descriptor: { mediaType, digest, size: bytes.length }, bytes }
    const said = `manifest ${reference} of ${this.name} from ${answer.url.host} ${fault}`
    // Registries send nothing but JSON: something on the way has answered (a portal, a proxy).
    if (fault === notJson) throw new Failure("unavailable", `${said} (Content-Type ${sent ?? "none"})`)
    if (fault === burden)
      throw new Failure("invalidArgument", `${said}: it is refused, because no manifest is like that`)
    throw new Failure("invalidArgument", `${said}: it is refused, because readers could take it for different things`)
  }

  async putManifest(reference: string, mediaType: string, bytes: Uint8Array): Promise<HttpAnswer> {
    const answer = await this.#session.request({
      method: "PUT",
      to: `/${this.name}/manifests/${reference}`,
      headers: { "Content-Type": mediaType },
      body: { length: bytes.length, open: () => once(bytes) },
      scopes: [`repository:${this.name}:pull,push`],
      expect: [200, 201, 202],
      ...this.#signal,
    })
    for await (const _ of answer.body);
    return answer
  }

  /** The pages of a list, each as it comes. @throws unavailable for a list without end */
  async *pages(path: string, headers: Readonly<Record<string, string>> = {}): AsyncGenerator<string> {
    let to: string | URL | undefined = path
    for (let page = 0; to !== undefined; page++) {
      if (page === mostPages) throw new Failure("unavailable", `the list ${path} of ${this.#domain} has no end`)
      const answer: HttpAnswer = await this.#session.request({
        method: "GET",
        to,
        headers,
        scopes: [`repository:${this.name}:pull`],
        expect: [200],
        ...this.#signal,
      })
      yield await readText(answer.body, largestList)
      to = nextPage(answer)
    }
  }

  #manifest(method: "GET" | "HEAD", reference: string): Promise<HttpAnswer> {
    return this.#session.request({
      method,
      to: `/${this.name}/manifests/${reference}`,
      headers: { Accept: manifestTypes },
      scopes: [`repository:${this.name}:pull`],
      expect: [200],
      ...this.#signal,
    })
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

/** A list as a JSON object. @param what the list's name for people. @throws unavailable for anything else */
export function parseList(text: string, what: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === "object" && value !== null) return value
  } catch {
    // Told below.
  }
  throw new Failure("unavailable", `the registry's ${what} is not JSON`)
}

/** The address of the next page (RFC 8288, `rel="next"`). */
function nextPage(answer: HttpAnswer): URL | undefined {
  const link = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(answer.headers.get("link") ?? "")
  return link ? new URL(link[1]!, answer.url) : undefined
}

import type {
  AuthConfig,
  AuthResponse,
  IndexPushRequest,
  JsonMessage,
  ReferrerSummary,
  RemoteManifestResponse,
  SearchResult,
} from "../api/image.ts"
import { jsonValues } from "./json-stream.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** Searches Docker Hub through the daemon. */
export const searchImages = (
  transport: Transport,
  query: { readonly term: string; readonly limit?: number; readonly filters?: ClientFilters },
): Promise<readonly SearchResult[]> => transport.json("GET", "/images/search", { query })

/** Makes a base image of the distribution's own packages (Barge's own route), telling progress. */
export async function bootstrapImage(
  transport: Transport,
  query: { readonly name: string; readonly tag?: string },
): Promise<AsyncIterable<JsonMessage>> {
  return jsonValues((await transport.request("POST", "/images/bootstrap", { query })).body)
}

/** Asks a registry through the daemon whether it knows the user. @throws unauthenticated when it does not */
export const authenticate = (transport: Transport, auth: AuthConfig): Promise<AuthResponse> =>
  transport.json("POST", "/auth", { body: auth })

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A manifest as its registry has it (Barge's own route). */
export const remoteManifest = (
  transport: Transport,
  ref: string,
  auth: AuthConfig | undefined,
): Promise<RemoteManifestResponse> =>
  transport.json("GET", `/distribution/${ref}/manifest`, { headers: { "X-Registry-Auth": encoded(auth ?? {}) } })

/** What refers to an image in its registry (Barge's own route). */
export const remoteReferrers = (
  transport: Transport,
  ref: string,
  auth: AuthConfig | undefined,
): Promise<readonly ReferrerSummary[]> =>
  transport.json("GET", `/distribution/${ref}/referrers`, { headers: { "X-Registry-Auth": encoded(auth ?? {}) } })

/** Stores an index under a name (Barge's own route). @param auths by server address */
export const pushIndex = (
  transport: Transport,
  ref: string,
  body: IndexPushRequest,
  auths: Readonly<Record<string, AuthConfig>>,
): Promise<{ readonly Digest: string }> =>
  transport.json("POST", `/distribution/${ref}/manifest`, { body, headers: { "X-Registry-Config": encoded(auths) } })

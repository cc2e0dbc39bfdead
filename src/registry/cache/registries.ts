import { Registries } from "../../distribution/registries.ts"
import { RegistryError } from "../../distribution/registry-error.ts"
import { proxySettings } from "../../std/http/proxy.ts"
import type { ProxySettings } from "../config.ts"
import type { RemoteRepositories } from "./remote.ts"

const dockerHub = "registry-1.docker.io"

/** Reaches the registries that are cached, each with its credentials. Disposing closes the connections. */
export function reachRegistries(
  proxies: readonly ProxySettings[],
  environment: Readonly<Record<string, string | undefined>>,
): { readonly remote: RemoteRepositories } & Disposable {
  const plain = proxies.map(({ url }) => new URL(url)).filter((url) => url.protocol === "http:")
  const registries = new Registries({
    settings: {
      insecure: plain.map((url) => url.host),
      mirrors: [],
      directories: ["/etc/barge/certs.d", "/etc/docker/certs.d"],
    },
    proxies: proxySettings({}, environment),
    // A client waits behind each attempt.
    stallTimeout: 15_000,
    retries: { attempts: 2, firstDelay: 500, longestDelay: 5000 },
  })
  return {
    async remote({ url, username, password }, name) {
      const domain = new URL(url).host
      const path = domain === dockerHub && !name.includes("/") ? `library/${name}` : name
      const credentials = username === undefined ? undefined : { username, password: password ?? "" }
      const repository = await registries.repository({ domain, path }, credentials)
      return {
        resolve: (reference, signal) => repository.resolve(reference, signal),
        manifest: (reference) => repository.manifest(reference),
        blob: (digest, options) => repository.blob(digest, options),
        tags: () => repository.tags(),
        referrers: (digest) => repository.referrers(digest),
        async blobSize(digest) {
          try {
            // Not by HEAD: the client does that with rights to push, which a reader need not have.
            const { size, discard } = await repository.blob(digest, { length: 1 })
            discard()
            return size
          } catch (error) {
            if (error instanceof RegistryError && error.status === 404) return undefined
            throw error
          }
        },
      }
    },
    [Symbol.dispose]: () => registries[Symbol.dispose](),
  }
}

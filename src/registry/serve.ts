import { generateKeyPairSync } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import { parseEndpoint } from "../std/http/endpoint.ts"
import type { TlsKeys } from "../std/http/tls-server.ts"
import type { Log } from "../std/log.ts"
import { accessLine } from "./access-log.ts"
import type { Authenticator } from "./auth/contract.ts"
import { passwordAccess, Users } from "./auth/htpasswd.ts"
import { type IssuerOptions, tokenIssuer } from "./auth/issuer.ts"
import { privateKey, publicKeys } from "./auth/jwt.ts"
import { openAccess } from "./auth/open.ts"
import { accessOf } from "./auth/rights.ts"
import { tokenAccess } from "./auth/token-access.ts"
import { CacheBudget } from "./cache/budget.ts"
import { isCached, PullThrough } from "./cache/pull-through.ts"
import { reachRegistries } from "./cache/registries.ts"
import type { RemoteRepositories } from "./cache/remote.ts"
import type { RegistryConfig, TlsFiles } from "./config.ts"
import { Collector } from "./gc/collector.ts"
import { Metrics } from "./metrics.ts"
import { metricsServer } from "./metrics-server.ts"
import { Repositories } from "./repositories/repositories.ts"
import { RegistryServer } from "./server.ts"
import { openStorage } from "./storage/open.ts"
import { Uploads } from "./uploads/uploads.ts"
import { webPages } from "./web/pages.ts"
import { Webhooks } from "./webhooks.ts"

/** A registry that serves. */
export interface RunningRegistry extends AsyncDisposable {
  /** `host:port` as it was bound. */
  readonly address: string
  /** The same of the metrics. */
  readonly metrics?: string
  /** Takes another configuration; what needs a restart is said in the log. @throws invalidArgument, and keeps the old one */
  reload(config: RegistryConfig): void
  /** Collects garbage now. */
  collect(): Promise<void>
}

/** How requests are authenticated, as one configuration says. */
interface Doors {
  readonly api: Authenticator
  /** For browsers, which know passwords and no tokens. */
  readonly web: Authenticator | undefined
  readonly issuer: IssuerOptions | undefined
}

/** Milliseconds that notifications get when the server stops. */
const flushTime = 5000

export interface ServeParts {
  readonly log: Log
  /** Takes lines of the access log. */
  readonly line: (text: string) => void
  /** How the registries that are cached are reached; by default as the configuration says. */
  readonly remote?: RemoteRepositories
}

/** Starts a registry. @throws invalidArgument, conflict when the address is taken */
export async function serveRegistry(config: RegistryConfig, parts: ServeParts): Promise<RunningRegistry> {
  const { log, line } = parts
  let current = config
  let doors = openDoors(config)
  const tls = config.tls && readTls(config.tls)
  await using stack = new AsyncDisposableStack()
  const storage = stack.use(await openStorage(config))
  const uploads = stack.use(new Uploads(storage.spool))
  const repositories = new Repositories(storage, config.policy)
  const metrics = new Metrics()
  const webhooks = stack.use(
    new Webhooks(join(config.root, "webhooks"), config.webhooks, {
      givenUp: (url, events, why) => {
        metrics.webhookFailed(events)
        log.warn("notifications were given up", { url, events, error: why })
      },
      failing: (url, why) => log.warn("notifications are not taken; they are sent again", { url, error: why }),
    }),
  )
  const budget = stack.use(
    new CacheBudget({
      storage,
      repositories,
      covers: (repository) => isCached(config.proxies, repository),
      bytes: () => current.cacheBytes,
      evicted: (freed) => {
        metrics.evicted(freed)
        log.info("the cache let go what was not asked for the longest", { ...freed })
      },
      failed: (error) => log.error("the cache could not be made smaller", { error: messageOf(error) }),
    }),
  )
  budget.check()
  const upstream = new PullThrough({
    proxies: config.proxies,
    remote: parts.remote ?? stack.use(reachRegistries(config.proxies, process.env)).remote,
    repositories,
    uploads,
    budget,
    stale: (repository, why) =>
      log.warn("an upstream does not answer: what is kept is served", { repository, error: why }),
  })
  const collector = new Collector({ storage, repositories, uploads })
  const server = stack.use(
    new RegistryServer({
      services: { storage, repositories, uploads, upstream, events: webhooks.tell },
      authenticator: () => doors.api,
      pages: [tokenIssuer(() => doors.issuer), webPages(repositories, () => (current.web ? doors.web : undefined))],
      over: (call, millis, error) => {
        metrics.request(call, millis)
        if (current.accessLog !== "off") line(accessLine(call, millis, current.accessLog, error))
        if (error !== undefined && call.response.status >= 500) {
          log.error("a request failed", { target: call.request.target, error: messageOf(error) })
        }
      },
    }),
  )
  const [address] = await server.listen(endpointOf(config.address), tls)
  for (const warning of exposure(config)) log.warn(warning, { address: config.address })
  const counted = async () =>
    metrics.text({ connections: server.connections, repositories: (await repositories.catalog.list()).length })
  const metricsAt =
    config.metrics === undefined
      ? undefined
      : stack.use(await metricsServer(endpointOf(config.metrics), counted)).address

  const collect = async (): Promise<void> => {
    try {
      const run = await collector.collect(current.gc, current.retention)
      metrics.collected(run)
      log.info("garbage was collected", { ...run })
    } catch (error) {
      log.error("garbage could not be collected", { error: messageOf(error) })
    }
  }
  let timer: NodeJS.Timeout | undefined
  const schedule = () => {
    clearInterval(timer)
    timer = current.gc.interval > 0 ? setInterval(() => void collect(), current.gc.interval) : undefined
  }
  schedule()
  stack.defer(() => clearInterval(timer))

  const owned = stack.move()
  return {
    address: address!.replace(/^tcp:\/\//, ""),
    ...(metricsAt === undefined ? {} : { metrics: metricsAt }),
    reload(next) {
      const opened = openDoors(next)
      const keys = next.tls && readTls(next.tls)
      const fixed: string[] = (["address", "root", "s3", "proxies", "metrics"] as const).filter(
        (name) => JSON.stringify(next[name]) !== JSON.stringify(current[name]),
      )
      if (keys && tls) server.renew(keys)
      else if (keys || tls) fixed.push("tls")
      if (fixed.length > 0) log.warn("some settings count only after a restart", { settings: fixed.join(" ") })
      doors = opened
      current = next
      repositories.policy = next.policy
      webhooks.configure(next.webhooks)
      budget.check()
      schedule()
    },
    collect,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await server.close(current.drain)
      await webhooks.flush(flushTime)
      await owned.disposeAsync()
    },
  }
}

/** What others could do to a registry on an address that they reach. */
function exposure({ address, auth, rights, tls }: RegistryConfig): readonly string[] {
  const endpoint = endpointOf(address)
  if (endpoint.kind !== "tcp" || /^(?:127\.|localhost$|::1$)/.test(endpoint.host)) return []
  const writable = rights.length === 0 || rights.some(({ actions }) => actions.some((action) => action !== "pull"))
  return [
    ...(auth.type === "none" && writable
      ? ["everybody who reaches this address may push and delete: name users with --htpasswd, or listen on 127.0.0.1"]
      : []),
    ...(tls
      ? []
      : ["passwords and images pass in the clear: give --tls-cert and --tls-key, or put a TLS proxy in front"]),
  ]
}

const endpointOf = (address: string) =>
  parseEndpoint(`tcp://${address.replace(/^:/, "0.0.0.0:")}`, { path: "", tls: false })

function openDoors(config: RegistryConfig): Doors {
  const { auth, rights } = config
  if (auth.type === "none") {
    const open = openAccess(rights)
    return { api: open, web: open, issuer: undefined }
  }
  if (auth.type === "htpasswd") {
    const door = passwordAccess({ users: new Users(auth.file), rights, realm: auth.realm })
    return { api: door, web: door, issuer: undefined }
  }
  const { service } = auth
  if (auth.foreign) {
    const keys = publicKeys(readText(auth.foreign.keys))
    const issuer = auth.issuer === undefined ? {} : { issuer: auth.issuer }
    return {
      api: tokenAccess({ keys, service, realm: auth.foreign.realm, ...issuer }),
      web: undefined,
      issuer: undefined,
    }
  }
  const { htpasswd, key: keyFile, lifetime } = auth.own!
  const key = privateKey(keyFile === undefined ? ownKey(config.root) : readText(keyFile))
  const issuer = auth.issuer ?? service
  const users = new Users(htpasswd)
  const web = passwordAccess({ users, rights, realm: service })
  return {
    api: tokenAccess({
      keys: publicKeysOf(key),
      service,
      issuer,
      ...(config.external === undefined ? {} : { external: config.external }),
      sees: (user, repository) => accessOf(rights, user).sees(repository),
      passwords: web,
    }),
    web,
    issuer: { users, rights, key, service, issuer, lifetime },
  }
}

const publicKeysOf = (key: ReturnType<typeof privateKey>) =>
  publicKeys(key.key.export({ type: "pkcs8", format: "pem" }) as string)

/** The key that tokens are signed with, made with the first start: tokens outlive restarts. */
function ownKey(root: string): string {
  const path = join(root, "token-key.pem")
  if (!existsSync(path)) {
    mkdirSync(root, { recursive: true })
    const { privateKey: made } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    writeFileSync(path, made.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 })
    chmodSync(path, 0o600)
  }
  return readText(path)
}

function readTls(files: TlsFiles): TlsKeys {
  return {
    cert: readText(files.cert),
    key: readText(files.key),
    ...(files.clientCa === undefined ? {} : { ca: readText(files.clientCa) }),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    throw new Failure("invalidArgument", `${path} cannot be read: ${messageOf(error)}`, error)
  }
}

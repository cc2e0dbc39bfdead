import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { Failure, messageOf } from "../errors/failure.ts"
import type { Action } from "./auth/contract.ts"
import type { Right } from "./auth/rights.ts"
import { Fields } from "./fields.ts"
import type { FlagValues } from "./flags.ts"
import type { GcSettings } from "./gc/collector.ts"
import type { RetentionRule } from "./gc/retention.ts"
import type { Policy } from "./policy.ts"
import { durationSetting, sizeSetting } from "./units.ts"

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  /** Clients must show a certificate that this authority signed. */
  readonly clientCa?: string
}

export type AuthSettings =
  | { readonly type: "none" }
  | { readonly type: "htpasswd"; readonly file: string; readonly realm: string }
  | {
      readonly type: "token"
      readonly service: string
      readonly issuer?: string
      /** Public keys of another issuer, with its address. */
      readonly foreign?: { readonly realm: string; readonly keys: string }
      /** This server issues tokens to these users. */
      readonly own?: { readonly htpasswd: string; readonly key?: string; readonly lifetime: number }
    }

export interface S3Settings {
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly prefix: string
  readonly accessKey: string
  readonly secretKey: string
  readonly sessionToken?: string
  /** `endpoint/bucket/key` in place of `bucket.endpoint/key`. */
  readonly pathStyle: boolean
  /** Clients get blobs from the store themselves. */
  readonly redirect: boolean
}

export interface ProxySettings {
  /** The upstream registry. */
  readonly url: string
  /** What its repositories' names begin with here: `hub/`; empty for all names. */
  readonly prefix: string
  readonly username?: string
  readonly password?: string
  /** Milliseconds for which a tag is taken as it was. */
  readonly ttl: number
}

export interface WebhookSettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly actions: readonly string[]
  readonly repositories: readonly string[]
}

/** Everything a registry is told. */
export interface RegistryConfig {
  readonly address: string
  /** The address under which clients see the server, without a slash at its end; absent it is told by requests. */
  readonly external?: string
  readonly root: string
  readonly tls?: TlsFiles
  readonly auth: AuthSettings
  readonly rights: readonly Right[]
  readonly s3?: S3Settings
  readonly proxies: readonly ProxySettings[]
  /** Bytes that may be kept of other registries; absent for any. */
  readonly cacheBytes?: number
  readonly policy: Policy
  readonly gc: GcSettings
  readonly retention: readonly RetentionRule[]
  readonly webhooks: readonly WebhookSettings[]
  readonly metrics?: string
  readonly web: boolean
  readonly accessLog: "text" | "json" | "off"
  /** Milliseconds that requests under way get when the server stops. */
  readonly drain: number
}

const actions: readonly Action[] = ["pull", "push", "delete", "catalog"]
const everything = ["**"]
const second = 1000
const hour = 3600 * second

/** Joins the file named by `--config`, if any, with the flags, which win. @throws invalidArgument */
export function registryConfig(flags: FlagValues): RegistryConfig {
  const path = flags.text("config")
  const document = path === undefined ? {} : readFile(path)
  return new Fields(document, path ?? "").all((file) => read(file, flags))
}

function readFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"))
  } catch (error) {
    throw new Failure("invalidArgument", `the configuration ${path} cannot be read: ${messageOf(error)}`, error)
  }
}

function read(file: Fields, flags: FlagValues): RegistryConfig {
  const fromFile = {
    addr: file.text("addr"),
    externalUrl: file.text("externalUrl"),
    root: file.text("root"),
    metrics: file.text("metrics"),
    web: file.flag("web"),
    accessLog: file.text("accessLog"),
    drain: file.duration("drain"),
    deletes: file.flag("deletes"),
  }
  const tls = tlsFiles(file, flags)
  const metrics = flags.text("metrics-addr") ?? fromFile.metrics
  const accessLog = flags.text("access-log") ?? fromFile.accessLog ?? "text"
  if (accessLog !== "text" && accessLog !== "json" && accessLog !== "off") {
    throw new Failure("invalidArgument", `unknown access log "${accessLog}": use text, json or off`)
  }
  const s3 = file.object("s3", s3Settings)
  const cacheFlag = flags.text("cache-size")
  const cacheInFile = file.bytes("cacheSize")
  const cacheBytes = cacheFlag === undefined ? cacheInFile : sizeSetting(cacheFlag, "--cache-size")
  const auth = authSettings(file, flags)
  const granted = rights(file, flags, auth)
  const external = flags.text("external-url") ?? fromFile.externalUrl
  return {
    address: flags.text("addr") ?? fromFile.addr ?? "127.0.0.1:5000",
    ...(external === undefined ? {} : { external: address(external, "externalUrl (--external-url)") }),
    root: resolve(flags.text("root") ?? fromFile.root ?? "/var/lib/barge-registry"),
    ...(tls ? { tls } : {}),
    auth: withTokens(auth, granted),
    rights: granted,
    ...(s3 ? { s3 } : {}),
    proxies: [...file.list("proxies", proxySettings), ...flags.texts("proxy").map(proxyFlag)],
    ...(cacheBytes === undefined ? {} : { cacheBytes }),
    policy: {
      immutable: [
        ...file.list("immutable", (rule) => ({
          repositories: rule.texts("repositories") ?? everything,
          tags: rule.texts("tags") ?? everything,
        })),
        ...flags.texts("immutable").map((tags) => ({ repositories: everything, tags: [tags] })),
      ],
      quotas: [
        ...file.list("quotas", (quota) => ({
          repositories: quota.texts("repositories") ?? everything,
          bytes: quota.bytes("bytes") ?? 0,
        })),
        ...flags.texts("quota").map((bytes) => ({ repositories: everything, bytes: sizeSetting(bytes, "--quota") })),
      ],
      manifestLimit: file.bytes("manifestLimit") ?? 4 * 2 ** 20,
      deletes: flags.flag("no-delete") ? false : (fromFile.deletes ?? true),
      sparse: file.flag("sparse") ?? false,
    },
    gc: gcSettings(file, flags),
    retention: file.list("retention", retentionRule),
    webhooks: [
      ...file.list("webhooks", (hook) => ({
        url: address(hook.needed("url"), "webhooks.url"),
        headers: hook.map("headers") ?? {},
        actions: hook.texts("actions") ?? ["push", "pull", "mount", "delete"],
        repositories: hook.texts("repositories") ?? everything,
      })),
      ...flags.texts("webhook").map((url) => ({
        url: address(url, "--webhook"),
        headers: {},
        actions: ["push", "pull", "mount", "delete"],
        repositories: everything,
      })),
    ],
    ...(metrics === undefined ? {} : { metrics }),
    web: flags.flag("no-web") ? false : (fromFile.web ?? true),
    accessLog,
    drain: fromFile.drain ?? 30 * second,
  }
}

function tlsFiles(file: Fields, flags: FlagValues): TlsFiles | undefined {
  const given = file.object("tls", (tls) => ({
    cert: tls.needed("cert"),
    key: tls.needed("key"),
    clientCa: tls.text("clientCa"),
  }))
  const cert = flags.text("tls-cert") ?? given?.cert
  const key = flags.text("tls-key") ?? given?.key
  const clientCa = flags.text("tls-client-ca") ?? given?.clientCa
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined
  if (cert === undefined || key === undefined) {
    throw new Failure("invalidArgument", "TLS needs both a certificate and a key: give --tls-cert and --tls-key")
  }
  return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) }
}

function authSettings(file: Fields, flags: FlagValues): AuthSettings {
  const given = file.object("auth", (auth): AuthSettings => {
    const type = auth.needed("type")
    if (type === "none") return { type }
    const htpasswd = auth.text("htpasswd")
    const realm = auth.text("realm")
    if (type === "htpasswd") return { type, file: needed(htpasswd, "auth.htpasswd"), realm: realm ?? "Barge registry" }
    if (type !== "token") {
      throw new Failure("invalidArgument", `unknown auth.type "${type}": use none, htpasswd or token`)
    }
    const keys = auth.text("keys")
    const key = auth.text("key")
    const issuer = auth.text("issuer")
    const lifetime = (auth.duration("lifetime") ?? 300 * second) / 1000
    if (keys !== undefined && realm === undefined) {
      throw new Failure(
        "invalidArgument",
        "auth.realm is missing: the address of the issuer whose auth.keys are trusted",
      )
    }
    return {
      type,
      service: auth.text("service") ?? "barge-registry",
      ...(issuer === undefined ? {} : { issuer }),
      ...(keys === undefined || realm === undefined
        ? { own: { htpasswd: needed(htpasswd, "auth.htpasswd"), ...(key === undefined ? {} : { key }), lifetime } }
        : { foreign: { realm, keys } }),
    }
  })
  const htpasswd = flags.text("htpasswd")
  if (htpasswd === undefined) {
    if (flags.flag("token")) throw new Failure("invalidArgument", "--token needs the users: add --htpasswd FILE")
    return given ?? { type: "none" }
  }
  if (flags.flag("token")) return ownTokens(htpasswd)
  return { type: "htpasswd", file: htpasswd, realm: "Barge registry" }
}

const ownTokens = (htpasswd: string): AuthSettings => ({
  type: "token",
  service: "barge-registry",
  own: { htpasswd, lifetime: 300 },
})

/**
 * Clients learn from the challenge of the API's root how to say who they are. A registry that anybody may read can only challenge there
 * with tokens, which it also gives to those who do not say who they are.
 */
const withTokens = (auth: AuthSettings, granted: readonly Right[]): AuthSettings =>
  auth.type === "htpasswd" && granted.some(({ users }) => users.includes("anonymous")) ? ownTokens(auth.file) : auth

function rights(file: Fields, flags: FlagValues, auth: AuthSettings): readonly Right[] {
  const given = file.list("rights", (right): Right => {
    const named = right.texts("actions") ?? ["pull"]
    const wrong = named.find((each) => !(actions as readonly string[]).includes(each))
    if (wrong !== undefined) {
      throw new Failure("invalidArgument", `rights: unknown action "${wrong}"; use ${actions.join(", ")}`)
    }
    return {
      users: right.texts("users") ?? ["*"],
      repositories: right.texts("repositories") ?? everything,
      actions: named as readonly Action[],
    }
  })
  if (!flags.flag("anonymous-pull")) return given
  if (auth.type === "none") return [...given, { users: ["anonymous"], repositories: everything, actions: ["pull"] }]
  const known = given.length > 0 ? given : [{ users: ["*"], repositories: everything, actions }]
  return [...known, { users: ["anonymous"], repositories: everything, actions: ["pull"] }]
}

function s3Settings(fields: Fields): S3Settings {
  const environment = process.env
  const sessionToken = fields.text("sessionToken") ?? environment["AWS_SESSION_TOKEN"]
  const region = fields.text("region") ?? environment["AWS_REGION"] ?? "us-east-1"
  return {
    endpoint: address(fields.text("endpoint") ?? `https://s3.${region}.amazonaws.com`, "s3.endpoint"),
    region,
    bucket: fields.needed("bucket"),
    prefix: (fields.text("prefix") ?? "").replace(/^\/+|\/+$/g, ""),
    accessKey: needed(
      fields.text("accessKey") ?? environment["AWS_ACCESS_KEY_ID"],
      "s3.accessKey (or AWS_ACCESS_KEY_ID)",
    ),
    secretKey: needed(
      fields.text("secretKey") ?? environment["AWS_SECRET_ACCESS_KEY"],
      "s3.secretKey (or AWS_SECRET_ACCESS_KEY)",
    ),
    ...(sessionToken ? { sessionToken } : {}),
    pathStyle: fields.flag("pathStyle") ?? true,
    redirect: fields.flag("redirect") ?? false,
  }
}

function proxySettings(fields: Fields): ProxySettings {
  const username = fields.text("username")
  const password = fields.text("password")
  return {
    url: address(fields.needed("url"), "proxies.url"),
    prefix: fields.text("prefix") ?? "",
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ttl: fields.duration("ttl") ?? 10 * 60 * second,
  }
}

/** `URL` or `PREFIX=URL`. */
function proxyFlag(text: string): ProxySettings {
  const match = /^(?:([a-z0-9][a-z0-9._/-]*)=)?(https?:\/\/.+)$/.exec(text)
  if (!match) throw new Failure("invalidArgument", `--proxy ${text}: write https://HOST or PREFIX=https://HOST`)
  const url = new URL(match[2]!)
  const { username, password } = url
  url.username = ""
  url.password = ""
  return {
    url: url.href.replace(/\/+$/, ""),
    prefix: match[1] === undefined ? "" : `${match[1].replace(/\/+$/, "")}/`,
    ...(username ? { username: decodeURIComponent(username), password: decodeURIComponent(password) } : {}),
    ttl: 10 * 60 * second,
  }
}

function gcSettings(file: Fields, flags: FlagValues): GcSettings {
  const given = file.object("gc", (gc) => ({
    interval: gc.duration("interval"),
    grace: gc.duration("grace"),
    uploads: gc.duration("uploads"),
    untagged: gc.flag("untagged"),
  }))
  const interval = flags.text("gc-interval")
  const grace = flags.text("gc-grace")
  return {
    interval: interval === undefined ? (given?.interval ?? hour) : durationSetting(interval, "--gc-interval"),
    grace: grace === undefined ? (given?.grace ?? hour) : durationSetting(grace, "--gc-grace"),
    uploads: given?.uploads ?? 24 * hour,
    untagged: flags.flag("gc-untagged") ?? given?.untagged ?? false,
  }
}

function retentionRule(rule: Fields): RetentionRule {
  const keepLast = rule.count("keepLast")
  const olderThan = rule.duration("olderThan")
  if (keepLast === undefined && olderThan === undefined) {
    throw new Failure(
      "invalidArgument",
      "a retention rule needs keepLast, olderThan or both: it would delete every tag",
    )
  }
  return {
    repositories: rule.texts("repositories") ?? everything,
    tags: rule.texts("tags") ?? everything,
    except: rule.texts("except") ?? [],
    ...(keepLast === undefined ? {} : { keepLast }),
    ...(olderThan === undefined ? {} : { olderThan }),
  }
}

function needed(value: string | undefined, name: string): string {
  if (value === undefined || value === "") throw new Failure("invalidArgument", `${name} is missing`)
  return value
}

function address(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new Failure("invalidArgument", `${what}: "${text}" is no http or https address`)
  }
  return text.replace(/\/+$/, "")
}

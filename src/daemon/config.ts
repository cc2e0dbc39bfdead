import { existsSync, readFileSync } from "node:fs"
import { resolve } from "node:path"
import type { Ulimit } from "../api/container-config.ts"
import { Failure, messageOf } from "../errors/failure.ts"
import { parseUlimit } from "../flag-values/limits.ts"
import { parseBytes } from "../std/byte-size.ts"
import { findJsonFault } from "../std/json-syntax.ts"
import { type LogLevel, logLevels } from "../std/log.ts"
import { daemonFlags, type FlagValue } from "./flag-table.ts"
import type { Roots } from "./roots.ts"

/** Everything a daemon is told, from flags, configuration file and defaults. */
export interface DaemonConfig {
  readonly roots: Roots
  readonly pidfile: string
  readonly hosts: readonly string[]
  readonly group?: string
  readonly tls?: { readonly verify: boolean; readonly ca?: string; readonly cert?: string; readonly key?: string }
  readonly debug: boolean
  readonly logLevel: LogLevel
  readonly logFormat: "text" | "json"
  readonly defaultRuntime?: string
  readonly runtimes: ReadonlyMap<string, { readonly path: string; readonly args: readonly string[] }>
  readonly bridge: {
    readonly name: string
    /** Somebody has named it; otherwise another name serves too. */
    readonly named: boolean
    readonly address?: string
    readonly address6?: string
    readonly fixedCidr?: string
    readonly fixedCidr6?: string
    readonly gateway?: string
    readonly gateway6?: string
    readonly ipv6: boolean
    readonly mtu?: number
    readonly icc: boolean
    readonly ipForward: boolean
    readonly masquerade: boolean
    readonly respectHostFirewall: boolean
    readonly hostIp?: string
  }
  /** Driver → options that its networks have unless they say otherwise. */
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly addressPools: readonly { readonly base: string; readonly size: number }[]
  readonly dns: {
    readonly servers: readonly string[]
    readonly search: readonly string[]
    readonly options: readonly string[]
  }
  readonly cgroupParent: string
  /** Absent: nobody named one. */
  readonly logDriver?: string
  readonly logOptions: Readonly<Record<string, string>>
  readonly shmSize: number
  readonly ulimits: readonly Ulimit[]
  readonly ipcMode: "shareable" | "private"
  readonly cgroupnsMode?: "host" | "private"
  readonly init: boolean
  readonly initPath?: string
  readonly noNewPrivileges: boolean
  readonly seccompProfile?: string
  readonly snapshotter?: "overlay" | "native"
  readonly labels: readonly string[]
  readonly experimental: boolean
  readonly insecureRegistries: readonly string[]
  readonly registryMirrors: readonly string[]
  /** Directories that hold one named by each registry. */
  readonly registryDirectories: readonly string[]
  /** Whether layers of pulled images go once they are unpacked. */
  readonly discardLayers: boolean
  /** Whether layers are unpacked even where they could be mounted. */
  readonly unpackLayers: boolean
  /** Whether a data root that cannot be used is moved aside instead of refused. */
  readonly salvage: boolean
  /** The file that says which images must be signed, and by whom (containers-policy.json(5)). */
  readonly signaturePolicy?: string
  readonly proxies: { readonly http?: string; readonly https?: string; readonly no?: string }
  /** Layers on the way at the same time. */
  readonly transfers: { readonly downloads: number; readonly uploads: number }
  readonly otlpEndpoint?: string
  readonly cdiSpecDirs: readonly string[]
  /** What `host-gateway` stands for in `--add-host`. */
  readonly hostGateway?: string
  readonly metricsAddress?: string
  /** What was given and changes nothing, with the reason: said once at start. */
  readonly remarks: readonly string[]
}

const defaultRegistryDirectories = ["/etc/barge/certs.d", "/etc/docker/certs.d", "/etc/containerd/certs.d"]

/** Reads the configuration file named by the flags (or the default one when it exists) and joins both. @throws invalidArgument */
export function daemonConfig(flags: ReadonlyMap<string, FlagValue>, calledAs: "barge" | "dockerd"): DaemonConfig {
  const file = (flags.get("config-file") as string | undefined) ?? "/etc/barge/daemon.json"
  const fromFile = readConfigFile({ path: file, required: flags.has("config-file") }, flags, calledAs)
  const value = (name: string): FlagValue | undefined => flags.get(name) ?? fromFile.get(name)
  const text = (name: string) => value(name) as string | undefined
  const list = (name: string) => (value(name) as readonly string[] | undefined) ?? []
  const flag = (name: string, absent: boolean) => (value(name) as boolean | undefined) ?? absent
  const number = (name: string) => value(name) as number | undefined

  const run = resolve(text("exec-root") ?? "/run/barge")
  const hosts = list("host")
  const level = flag("debug", false) ? "debug" : (text("log-level") ?? "info")
  if (!(logLevels as readonly string[]).includes(level)) {
    throw new Failure("invalidArgument", `unable to parse logging level: ${level} (use one of ${logLevels.join(", ")})`)
  }
  const verify = flag("tlsverify", false)
  const tls = verify || flag("tls", false)
  for (const [name, { refused }] of Object.entries(daemonFlags))
    if (refused && value(name) !== undefined && value(name) !== false)
      throw new Failure("invalidArgument", `--${name} is not supported: ${refused}`)
  const storage = text("storage-driver")
  const snapshotter =
    storage === undefined
      ? undefined
      : ({ overlay2: "overlay", overlay: "overlay", overlayfs: "overlay", vfs: "native", native: "native" } as const)[
          storage
        ]
  if (storage !== undefined && !snapshotter) {
    throw new Failure("invalidArgument", `unknown storage driver "${storage}": use overlay2 or vfs`)
  }
  return {
    roots: { data: resolve(text("data-root") ?? "/var/lib/barge"), run },
    pidfile: resolve(text("pidfile") ?? `${run}/barge.pid`),
    hosts:
      hosts.length > 0 ? hosts : [calledAs === "dockerd" ? "unix:///var/run/docker.sock" : `unix://${run}/barge.sock`],
    ...(text("group") ? { group: text("group")! } : {}),
    ...(tls ? { tls: { verify, ...pick({ ca: text("tlscacert"), cert: text("tlscert"), key: text("tlskey") }) } } : {}),
    debug: level === "debug",
    logLevel: level as LogLevel,
    logFormat: text("log-format") === "json" ? "json" : "text",
    ...pick({ defaultRuntime: text("default-runtime") }),
    runtimes: runtimes(list("add-runtime")),
    bridge: {
      name: text("bridge") ?? (calledAs === "dockerd" ? "docker0" : "barge0"),
      named: text("bridge") !== undefined,
      ...pick({ address: text("bip"), fixedCidr: text("fixed-cidr") }),
      ...pick({ address6: text("bip6"), fixedCidr6: text("fixed-cidr-v6") }),
      ...pick({ gateway: text("default-gateway"), gateway6: text("default-gateway-v6") }),
      ipv6: flag("ipv6", false),
      ...pick({ mtu: number("mtu"), hostIp: text("ip") }),
      icc: flag("icc", true),
      ipForward: flag("ip-forward", true),
      masquerade: flag("ip-masq", true),
      respectHostFirewall: flag("respect-host-firewall", false),
    },
    networkOptions: networkOptions(list("default-network-opt")),
    addressPools: list("default-address-pool").map(addressPool),
    dns: { servers: list("dns"), search: list("dns-search"), options: list("dns-opt") },
    cgroupParent: text("cgroup-parent") ?? "/barge",
    ...(text("log-driver") ? { logDriver: text("log-driver") } : {}),
    logOptions: Object.fromEntries(list("log-opt").map((pair) => splitPair(pair, "log-opt"))),
    shmSize: text("default-shm-size") === undefined ? 67108864 : Number(parseBytes(text("default-shm-size")!)),
    ulimits: list("default-ulimit").map(parseUlimit),
    ipcMode: text("default-ipc-mode") === "shareable" ? "shareable" : "private",
    ...(text("default-cgroupns-mode") ? { cgroupnsMode: text("default-cgroupns-mode") as "host" | "private" } : {}),
    init: flag("init", false),
    ...pick({ initPath: text("init-path"), seccompProfile: text("seccomp-profile"), snapshotter }),
    noNewPrivileges: flag("no-new-privileges", false),
    labels: list("label"),
    experimental: flag("experimental", false),
    insecureRegistries: list("insecure-registry"),
    registryMirrors: list("registry-mirror"),
    registryDirectories:
      value("registry-config-dir") === undefined ? defaultRegistryDirectories : list("registry-config-dir"),
    discardLayers: flag("discard-layers", false),
    unpackLayers: flag("unpack-layers", false),
    salvage: flag("salvage", false),
    ...pick({ signaturePolicy: text("signature-policy") }),
    proxies: pick({ http: text("http-proxy"), https: text("https-proxy"), no: text("no-proxy") }),
    transfers: {
      downloads: atLeastOne("max-concurrent-downloads", number("max-concurrent-downloads") ?? 3),
      uploads: atLeastOne("max-concurrent-uploads", number("max-concurrent-uploads") ?? 5),
    },
    ...pick({
      hostGateway: list("host-gateway-ip")[0],
      otlpEndpoint: text("otlp-endpoint") ?? process.env["OTEL_EXPORTER_OTLP_ENDPOINT"],
      metricsAddress: text("metrics-addr"),
    }),
    cdiSpecDirs: (value("cdi-spec-dir") === undefined ? ["/etc/cdi", "/var/run/cdi"] : list("cdi-spec-dir")).filter(
      (directory) => directory !== "",
    ),
    remarks: Object.entries(daemonFlags)
      .filter(([name, entry]) => entry.withoutEffect && value(name) !== undefined)
      .map(([name, entry]) => `--${name} changes nothing: ${entry.withoutEffect}`),
  }
}

/** The file's settings under the flags' names. @throws invalidArgument for unknown keys and for what is given in both places */
function readConfigFile(
  { path, required }: { readonly path: string; readonly required: boolean },
  flags: ReadonlyMap<string, FlagValue>,
  calledAs: "barge" | "dockerd",
): Map<string, FlagValue> {
  const settings = new Map<string, FlagValue>()
  const product = calledAs === "dockerd" ? "Docker" : "Barge"
  const refuse = (why: string) =>
    new Failure("invalidArgument", `unable to configure the ${product} daemon with file ${path}: ${why}`)
  if (!existsSync(path)) {
    if (required) throw refuse(`open ${path}: no such file or directory`)
    return settings
  }
  let document: unknown
  const text = readFileSync(path, "utf8").trim()
  try {
    document = text ? JSON.parse(text) : {}
  } catch (error) {
    const fault = findJsonFault(text)
    throw refuse(fault?.kind === "syntax" ? fault.message : messageOf(error))
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw refuse("expected a JSON object")
  const byKey = new Map(Object.entries(daemonFlags).map(([name, entry]) => [entry.key ?? name, name]))
  const clashes: string[] = []
  let features: Readonly<Record<string, boolean>> = {}
  const unknown: string[] = []
  for (const [key, given] of Object.entries(document)) {
    const name = byKey.get(key)
    if (!name) {
      if (key === "proxies") {
        for (const [name, each] of Object.entries(given ?? {})) {
          if (!["http-proxy", "https-proxy", "no-proxy"].includes(name)) throw refuse(`unknown setting proxies.${name}`)
          if (flags.has(name)) clashes.push(clash(name, flags.get(name), each))
          settings.set(name, fileValue(name, each, refuse))
        }
        continue
      }
      if (key === "features") {
        features = featureMap(given, refuse)
        continue
      }
      if (key === "builder" || key.startsWith("max-download")) continue
      unknown.push(key)
      continue
    }
    if (flags.has(name)) clashes.push(clash(key, flags.get(name), given))
    settings.set(name, fileValue(name, given, refuse))
  }
  if (unknown.length > 0)
    throw refuse(`the following directives don't match any configuration option: ${unknown.join(", ")}`)
  if (clashes.length > 0) {
    throw refuse(
      `the following directives are specified both as a flag and in the configuration file: ${clashes.join(", ")}`,
    )
  }
  // Without the feature no description of a device is read.
  if (features["cdi"] === false) settings.set("cdi-spec-dir", [])
  return settings
}

/** How a setting is reported that is given in both places; passwords of proxies are no business of a log. */
function clash(key: string, fromFlag: unknown, fromFile: unknown): string {
  const shown = (value: unknown) => goText(value).replace(/(\w+:\/\/)[^/@\s]*@/g, "$1xxxxx:xxxxx@")
  return `${key}: (from flag: ${shown(fromFlag)}, from file: ${shown(fromFile)})`
}

/** What `features` switches on and off. Names that mean nothing here are no error: dockerd takes any. @throws what `refuse` makes */
function featureMap(given: unknown, refuse: (why: string) => Error): Readonly<Record<string, boolean>> {
  const isMap = typeof given === "object" && given !== null && !Array.isArray(given)
  if (!isMap || !Object.values(given).every((on) => typeof on === "boolean"))
    throw refuse("features is not an object of true and false")
  return given as Readonly<Record<string, boolean>>
}

/** A value as Go's `%v` prints it, which dockerd's messages are made with. */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`
  if (typeof value !== "object" || value === null) return String(value)
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `map[${entries.map(([key, each]) => `${key}:${goText(each)}`).join(" ")}]`
}

/** A setting in the file's form, turned into the flag's. */
function fileValue(name: string, given: unknown, refuse: (why: string) => Failure): FlagValue {
  const kind = daemonFlags[name]!.kind
  const wrong = () => refuse(`${name}: expected ${kind === "list" ? "a list" : kind}, got ${JSON.stringify(given)}`)
  if (kind !== "list") {
    const expected = { bool: "boolean", text: "string", int: "number" }[kind]
    if (kind === "text" && typeof given === "number") return String(given)
    if (typeof given !== expected) throw wrong()
    return given as FlagValue
  }
  if (Array.isArray(given)) {
    return given.map((each) =>
      typeof each === "object" && each
        ? Object.entries(each)
            .map(([k, v]) => `${k}=${v}`)
            .join(",")
        : String(each),
    )
  }
  if (typeof given !== "object" || given === null) throw wrong()
  return Object.entries(given).map(([key, entry]) => {
    if (name === "default-network-opt" && typeof entry === "object" && entry) {
      return Object.entries(entry)
        .map(([option, each]) => `${key}=${option}=${each}`)
        .join("\n")
    }
    if (name === "add-runtime") {
      const { path, runtimeArgs } = entry as { path?: string; runtimeArgs?: string[] }
      if (!path) throw refuse(`runtimes: ${key} needs a path`)
      return [`${key}=${path}`, ...(runtimeArgs ?? [])].join("\n")
    }
    if (name === "default-ulimit") {
      const { Soft, Hard } = entry as { Soft?: number; Hard?: number }
      return `${key}=${Soft ?? Hard}:${Hard ?? Soft}`
    }
    return `${key}=${entry}`
  })
}

function atLeastOne(flag: string, given: number): number {
  if (given >= 1) return given
  throw new Failure("invalidArgument", `invalid ${flag.replaceAll("-", " ")}: ${given}`)
}

function runtimes(given: readonly string[]): DaemonConfig["runtimes"] {
  return new Map(
    given.map((each) => {
      const [head, ...args] = each.split("\n")
      const [name, path] = splitPair(head!, "add-runtime")
      return [name, { path, args }] as const
    }),
  )
}

/** `DRIVER=OPTION=VALUE`, several in lines when they come from the file. */
function networkOptions(given: readonly string[]): DaemonConfig["networkOptions"] {
  const found: Record<string, Record<string, string>> = {}
  for (const text of given.flatMap((each) => each.split("\n"))) {
    const [driver, pair] = splitPair(text, "default-network-opt")
    const [option, value] = splitPair(pair, "default-network-opt")
    found[driver] = { ...found[driver], [option]: value }
  }
  return found
}

function addressPool(text: string): { base: string; size: number } {
  const parts = Object.fromEntries(text.split(",").map((pair) => splitPair(pair, "default-address-pool")))
  if (!parts["base"] || !/^\d+$/.test(parts["size"] ?? "")) {
    throw new Failure("invalidArgument", `invalid default address pool "${text}": expected base=CIDR,size=N`)
  }
  return { base: parts["base"], size: Number(parts["size"]) }
}

function splitPair(text: string, flag: string): [string, string] {
  const at = text.indexOf("=")
  if (at <= 0) throw new Failure("invalidArgument", `invalid argument "${text}" for "--${flag}": expected NAME=VALUE`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/** The properties that are not undefined. */
function pick<T extends object>(object: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, each]) => each !== undefined)) as never
}

import { GoMap, Struct, type Value } from "./template/value.ts"

/*
 * The API's objects are Go structs for docker's templates, and structs and maps print differently and treat absent
 * keys differently. JSON does not tell them apart; these names of the Docker Engine API do.
 */
const maps = new Set([
  "Annotations",
  "AuxiliaryAddresses",
  "Attributes",
  "Containers",
  "Data",
  "Details",
  "DriverOpts",
  "ExposedPorts",
  "IndexConfigs",
  "Labels",
  "Networks",
  "Options",
  "PortBindings",
  "Ports",
  "Runtimes",
  "Services",
  "Status",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
  "Volumes",
])
const pointers = new Set([
  "ClusterVolume",
  "Descriptor",
  "Health",
  "Healthcheck",
  "IPAMConfig",
  "ImageManifestDescriptor",
  "Init",
  "MemorySwappiness",
  "OomKillDisable",
  "PidsLimit",
  "SizeRootFs",
  "SizeRw",
  "StopTimeout",
  "UsageData",
])
const lists = new Set(["Mounts", "Shell", "Layers", "Cmd", "Entrypoint", "Env", "OnBuild"])
const texts = new Set([
  "Driver",
  "MacAddress",
  "Name",
  "OsVersion",
  "Runtime",
  "StopSignal",
  "Type",
  "User",
  "Variant",
  "WorkingDir",
])

const emptyMap = new GoMap(new Map(), "")

/** Fields that JSON leaves out when they are empty, with the value that Go's struct has for them. */
function absent(name: string): { readonly zero: Value } | undefined {
  if (pointers.has(name)) return { zero: null }
  if (maps.has(name)) return { zero: emptyMap }
  if (lists.has(name)) return { zero: [] }
  return texts.has(name) ? { zero: "" } : undefined
}

/** The value of an API object for templates, with Go's types restored as far as templates can tell. */
export function typedJson(json: unknown, name = "", parent = ""): Value {
  if (json === null || json === undefined) {
    if (pointers.has(name)) return null
    return isMap(name, parent) ? emptyMap : []
  }
  if (Array.isArray(json)) return json.map((item) => typedJson(item, "", name))
  if (typeof json !== "object") return json as Value
  const entries = new Map(
    Object.entries(json).map(([key, item]) => [key, typedJson(item, isMap(name, parent) ? "" : key, name)]),
  )
  if (!isMap(name, parent)) return new Struct(entries, absent)
  return new GoMap(entries, [...entries.values()].every((item) => typeof item === "string") ? "" : undefined)
}

const isMap = (name: string, parent: string) => maps.has(name) || (name === "Config" && parent === "LogConfig")

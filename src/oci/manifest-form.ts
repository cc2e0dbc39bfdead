import { isIndex, isManifest } from "./descriptor.ts"

/** Fields that say what kind of document a manifest is. Go's decoders take each of them in any case. */
const telling = ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", "history", "signatures"]
/** Fields of Docker's schema 1. */
const schema1 = ["fsLayers", "history", "signatures"]

/** The fault of what is no manifest at all. */
export const notJson = "is not a JSON object"

/**
 * What makes a manifest unfit to be trusted: that it is no JSON object, or that two readers could take it for two different things
 * (OCI image spec, "Image Manifest" and "Image Index", security note; CVE-2021-41190).
 * @param mediaType what it was announced as; of types other than manifests and indexes only the JSON is looked at
 * @returns the fault, to follow "the manifest …"; undefined when there is none
 */
export function manifestFault(bytes: Uint8Array, mediaType: string): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
  const document = parse(text)
  if (!document) return notJson
  if (!isIndex(mediaType) && !isManifest(mediaType)) return undefined
  const inner = document["mediaType"]
  if (inner !== undefined && inner !== "" && inner !== mediaType) {
    return `says that it is ${JSON.stringify(inner)} and was announced as ${mediaType}`
  }
  const seen = new Set<string>()
  for (const key of topLevelKeys(text)) {
    const name = telling.find((each) => each.toLowerCase() === key.toLowerCase())
    if (name === undefined) continue
    if (key !== name) return `has the field ${JSON.stringify(key)}, which some readers take for ${name}`
    if (seen.has(name)) return `has the field ${name} twice`
    seen.add(name)
  }
  const foreign = [...schema1, ...(isIndex(mediaType) ? ["config", "layers"] : ["manifests"])]
  const found = foreign.filter((name) => holds(document[name]))
  if (found.length === 0) return undefined
  return `is ambiguous: as ${mediaType} it must not have ${found.join(", ")}`
}

/** Empty lists are what Go's writers make of absent ones. */
const holds = (value: unknown): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** The names of an object's own fields as they are written, repeated ones too. @param text valid JSON */
function topLevelKeys(text: string): readonly string[] {
  const keys: string[] = []
  let depth = 0
  let last = ""
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{" || token === "[") depth++
    else if (token === "}" || token === "]") depth--
    else if (token !== ":") last = token
    else if (depth === 1) keys.push(JSON.parse(last) as string)
  }
  return keys
}

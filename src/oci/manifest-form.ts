import { isIndex, isManifest } from "./descriptor.ts"
import { type JsonShape, jsonShape } from "./json-shape.ts"

/** Fields that say what kind of document a manifest is. Go's decoders take each of them in any case. */
const telling = ["schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers", "history", "signatures"]
/** Fields of Docker's schema 1. */
const schema1 = ["fsLayers", "history", "signatures"]

/** The fault of what is no manifest at all. */
export const notJson = "is not a JSON object"

/** Levels and fields of one object that no manifest has: parsing far more of them takes seconds. */
const deepest = 100
const mostFields = 10_000

/** Why a document must not even be parsed, to follow "the manifest …"; undefined when it may be. */
export const parsingFault = (bytes: Uint8Array): string | undefined => burdenOf(jsonShape(bytes))

function burdenOf({ depth, fields }: JsonShape): string | undefined {
  if (depth > deepest) return `is nested more than ${deepest} levels deep`
  if (fields > mostFields) return `has an object of more than ${mostFields} fields`
  return undefined
}

/**
 * What makes a manifest unfit to be trusted: that it is no JSON object, or that two readers could take it for two different things
 * (OCI image spec, "Image Manifest" and "Image Index", security note; CVE-2021-41190).
 * @param mediaType what it was announced as; of types other than manifests and indexes only the JSON is looked at
 * @returns the fault, to follow "the manifest …"; undefined when there is none
 */
export function manifestFault(bytes: Uint8Array, mediaType: string): string | undefined {
  const shape = jsonShape(bytes)
  const burden = burdenOf(shape)
  if (burden !== undefined) return burden
  const document = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"))
  if (!document) return notJson
  if (!isIndex(mediaType) && !isManifest(mediaType)) return undefined
  const inner = document["mediaType"]
  if (inner !== undefined && inner !== "" && inner !== mediaType) {
    return `says that it is ${JSON.stringify(inner)} and was announced as ${mediaType}`
  }
  const seen = new Set<string>()
  for (const key of shape.keys.map((written) => JSON.parse(written) as string)) {
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

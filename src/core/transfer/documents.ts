import { Failure } from "../../errors/failure.ts"
import { type Descriptor, isImageConfig, isIndex, isManifest, mediaTypes } from "../../oci/descriptor.ts"
import { isDigest } from "../../oci/digest.ts"
import type { ImageConfig, Index, Manifest } from "../../oci/image.ts"
import { manifestFault } from "../../oci/manifest-form.ts"

type Fields = Readonly<Record<string, unknown>>

const invalid = (what: string, problem: string) => new Failure("invalidArgument", `invalid ${what}: ${problem}`)

/** JSON that came from outside, with an object at its top. @throws invalidArgument */
export function parseObject(bytes: Uint8Array, what: string): Fields {
  const value = parseJson(bytes, what)
  if (!isObject(value)) throw invalid(what, "not an object")
  return value
}

/** @throws invalidArgument */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"))
  } catch (error) {
    throw invalid(what, error instanceof Error ? error.message : String(error))
  }
}

export const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const isStrings = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string")

function checkDescriptor(value: unknown, what: string): asserts value is Descriptor {
  if (!isObject(value)) throw invalid(what, "a descriptor is not an object")
  if (typeof value["digest"] !== "string" || !isDigest(value["digest"])) {
    throw invalid(what, `"${String(value["digest"])}" is not a digest`)
  }
  if (!Number.isSafeInteger(value["size"]) || (value["size"] as number) < 0) throw invalid(what, "a size is not one")
  if (typeof value["mediaType"] !== "string") throw invalid(what, "a descriptor without a media type")
  if (value["annotations"] !== undefined && !isStringMap(value["annotations"])) {
    throw invalid(what, "annotations are not text")
  }
  const platform = value["platform"]
  if (platform !== undefined) {
    const fields = isObject(platform) ? platform : {}
    if (typeof fields["os"] !== "string" || typeof fields["architecture"] !== "string") {
      throw invalid(what, "a platform without os and architecture")
    }
  }
}

/** @param form the type of a document that does not name one. @throws invalidArgument for what could be read in two ways */
function checkForm(bytes: Uint8Array, value: Fields, what: string, form: string): void {
  const fault = manifestFault(bytes, String(value["mediaType"] || form))
  if (fault !== undefined) throw invalid(what, `it ${fault}`)
}

/** OCI image spec, "Image Index". @throws invalidArgument */
export function parseIndex(bytes: Uint8Array, what = "image index"): Index {
  const value = parseObject(bytes, what)
  if (value["mediaType"] !== undefined && !isIndex(String(value["mediaType"]))) {
    throw invalid(what, `unexpected media type ${String(value["mediaType"])}`)
  }
  checkForm(bytes, value, what, mediaTypes.ociIndex)
  if (!Array.isArray(value["manifests"])) throw invalid(what, "it lists no manifests")
  for (const each of value["manifests"]) checkDescriptor(each, what)
  return value as unknown as Index
}

/** OCI image spec, "Image Manifest". @throws invalidArgument also for artifacts that are not images */
export function parseManifest(bytes: Uint8Array, what = "image manifest"): Manifest {
  const value = parseObject(bytes, what)
  if (value["mediaType"] !== undefined && !isManifest(String(value["mediaType"]))) {
    throw invalid(what, `unexpected media type ${String(value["mediaType"])}`)
  }
  checkForm(bytes, value, what, mediaTypes.ociManifest)
  checkDescriptor(value["config"], what)
  if (!Array.isArray(value["layers"])) throw invalid(what, "it lists no layers")
  for (const each of value["layers"]) checkDescriptor(each, what)
  const { mediaType } = value["config"]
  if (!isImageConfig(mediaType)) throw invalid(what, `its configuration is of type ${mediaType}: not an image to run`)
  return value as unknown as Manifest
}

const isStringMap = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((item) => typeof item === "string")
const isText = (value: unknown): boolean => typeof value === "string"
const isWords = (value: unknown): boolean => isStrings(value)
const isFlag = (value: unknown): boolean => typeof value === "boolean"

const runConfigShape: Readonly<Record<string, (value: unknown) => boolean>> = {
  User: isText,
  ExposedPorts: isObject,
  Env: isWords,
  Entrypoint: isWords,
  Cmd: isWords,
  Volumes: isObject,
  WorkingDir: isText,
  Labels: isStringMap,
  StopSignal: isText,
  ArgsEscaped: isFlag,
  Healthcheck: isObject,
  OnBuild: isWords,
  Shell: isWords,
}

/** OCI image spec, "Image Configuration". @throws invalidArgument */
export function parseImageConfig(bytes: Uint8Array, what = "image configuration"): ImageConfig {
  const value = parseObject(bytes, what)
  const rootfs = value["rootfs"]
  if (!isObject(rootfs) || rootfs["type"] !== "layers") throw invalid(what, 'rootfs is not of type "layers"')
  // Go writes an empty list as null.
  const diffIDs = rootfs["diff_ids"] ?? []
  if (!isStrings(diffIDs) || !diffIDs.every(isDigest)) throw invalid(what, "rootfs.diff_ids are not digests")
  // Images from before they said it are for Linux, and for the processor that there was.
  const { architecture = "amd64", os = "linux" } = value
  if (!isText(architecture) || !isText(os)) throw invalid(what, "architecture and os are not text")
  const history = value["history"] ?? []
  if (!Array.isArray(history) || !history.every(isObject)) throw invalid(what, "history is not a list of entries")
  const config = value["config"] ?? {}
  if (!isObject(config)) throw invalid(what, "config is not an object")
  for (const [field, holds] of Object.entries(runConfigShape)) {
    const given = config[field]
    if (given !== undefined && given !== null && !holds(given)) throw invalid(what, `config.${field} has a wrong form`)
  }
  return { ...value, architecture, os, rootfs: { type: "layers", diff_ids: diffIDs } } as unknown as ImageConfig
}

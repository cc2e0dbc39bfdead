import { expect, test } from "bun:test"
import { mediaTypes } from "./descriptor.ts"
import { manifestFault } from "./manifest-form.ts"

const { ociIndex, ociManifest, dockerList, dockerManifest } = mediaTypes
const fault = (document: object | string, mediaType: string) =>
  manifestFault(Buffer.from(typeof document === "string" ? document : JSON.stringify(document)), mediaType)

test("manifests and indexes of both families are sound, also with empty lists of the other kind", () => {
  const manifest = { schemaVersion: 2, config: {}, layers: [{}], manifests: [] }
  const index = { schemaVersion: 2, manifests: [{}], layers: null }
  for (const mediaType of [ociManifest, dockerManifest]) {
    expect(fault(manifest, mediaType)).toBeUndefined()
    expect(fault({ ...manifest, mediaType }, mediaType)).toBeUndefined()
  }
  for (const mediaType of [ociIndex, dockerList]) expect(fault({ ...index, mediaType }, mediaType)).toBeUndefined()
})

test("an index with layers or a configuration, and a manifest with manifests, are ambiguous", () => {
  expect(fault({ manifests: [], layers: [{}] }, ociIndex)).toContain("must not have layers")
  expect(fault({ manifests: [], config: {} }, dockerList)).toContain("must not have config")
  expect(fault({ config: {}, layers: [], manifests: [{}] }, ociManifest)).toContain("must not have manifests")
})

test("fields of schema 1 beside those of schema 2 are ambiguous", () => {
  for (const field of ["fsLayers", "history", "signatures"]) {
    expect(fault({ schemaVersion: 2, config: {}, layers: [], [field]: [{}] }, dockerManifest)).toContain(field)
    expect(fault({ schemaVersion: 2, manifests: [], [field]: [{}] }, ociIndex)).toContain(field)
  }
})

test("a manifest that names another type than it was announced with is refused", () => {
  expect(fault({ mediaType: ociIndex, config: {}, layers: [] }, ociManifest)).toContain("was announced as")
  expect(fault({ mediaType: 7, config: {}, layers: [] }, ociManifest)).toContain("was announced as")
})

test("fields that another reader would find under another case, or a second time, are refused", () => {
  expect(fault({ config: {}, layers: [], Manifests: [{}] }, ociManifest)).toContain('"Manifests"')
  expect(fault('{"layers":[],"config":{},"layers":[{}]}', ociManifest)).toBe("has the field layers twice")
  expect(fault('{"config":{},"layers":[],"\\u006canifests":[],"l\\u0061yers":[]}', ociManifest)).toContain("twice")
  const inner = { config: { layers: "x", Config: 1 }, layers: [{ layers: 1 }], annotations: { Layers: "{}" } }
  expect(fault(inner, ociManifest)).toBeUndefined()
})

test("what is no JSON object is refused whatever its type", () => {
  for (const text of ["<html></html>", "", "[]", "null", '"x"']) {
    expect(fault(text, ociManifest)).toBe("is not a JSON object")
    expect(fault(text, "text/html")).toBe("is not a JSON object")
  }
  expect(fault({ layers: [], manifests: [] }, "application/vnd.example+json")).toBeUndefined()
})

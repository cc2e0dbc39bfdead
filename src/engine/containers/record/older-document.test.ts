import { expect, test } from "bun:test"
import { noSettings } from "../../../api/network.ts"
import type { ContainerDocument } from "./document.ts"
import { upToDate } from "./older-document.ts"

const networksOf = (mode: string, networking: object) =>
  upToDate({ hostConfig: { NetworkMode: mode }, config: {}, networking } as ContainerDocument).networking
    .EndpointsConfig

test("a document of an older build is in the network of its mode, by the name that exists", () => {
  expect(networksOf("bridge", {})).toEqual({ bridge: noSettings })
  expect(networksOf("host", { EndpointsConfig: {} })).toEqual({ host: noSettings })
  expect(
    networksOf("default", { EndpointsConfig: { default: { ...noSettings, MacAddress: "02:42:ac:11:00:05" } } }),
  ).toEqual({
    bridge: { ...noSettings, MacAddress: "02:42:ac:11:00:05" },
  })
})

test("a document of this build stays as it is", () => {
  const own = { EndpointsConfig: { mine: { ...noSettings, Aliases: ["a"] } } }
  expect(networksOf("mine", own)).toEqual(own.EndpointsConfig)
  expect(networksOf("container:web", { EndpointsConfig: {} })).toEqual({})
})

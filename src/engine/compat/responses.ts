import type { ContainerSummary } from "../../api/container.ts"
import type { ImageSummary } from "../../api/image.ts"
import type { NetworkInspect } from "../../api/network.ts"
import { containerInspect, containerStats, containerSummary } from "./container-responses.ts"
import { imageInspect, imageSummary } from "./image-responses.ts"
import { diskUsage, event, info } from "./system-responses.ts"
import { isBefore } from "./version.ts"

type Reshape = (value: never, version: string) => unknown

/** Responses in the shape of a client's version: what handlers say, without what it does not know. By the key of the route table. */
const responses: Readonly<Record<string, Reshape>> = {
  "GET /containers/:id/json": containerInspect,
  "GET /containers/json": (list: readonly ContainerSummary[], version) =>
    list.map((one) => containerSummary(one, version)),
  "GET /images/:name/json": imageInspect,
  "GET /images/json": (list: readonly ImageSummary[], version) => list.map((one) => imageSummary(one, version)),
  "GET /networks": networkList,
  "GET /networks/": networkList,
  "GET /networks/:id": network,
  "GET /info": info,
  "GET /system/df": diskUsage,
}

const records: Readonly<Record<string, Reshape>> = {
  "GET /events": event,
  "GET /containers/:id/stats": containerStats,
}

/** @param key of the route table */
export function reshapeResponse(key: string, value: unknown, version: string): unknown {
  const reshape = responses[key] as ((value: unknown, version: string) => unknown) | undefined
  return reshape && value !== null ? reshape(value, version) : value
}

/**
 * As `reshapeResponse`, for each record of a stream.
 * @returns undefined when the stream's records are the same in every version; its result is undefined for a record that
 * the version does not know
 */
export function recordReshaper(key: string, version: string): ((record: unknown) => unknown) | undefined {
  const reshape = records[key] as ((value: unknown, version: string) => unknown) | undefined
  return reshape && ((record) => reshape(record, version))
}

/** The media type of a stream of JSON objects for a client that does not name one: before 1.52 as if it were a single object. */
export const jsonStreamType = (version: string): string =>
  isBefore(version, "1.52") ? "application/json" : "application/jsonl"

function network(inspect: NetworkInspect, version: string): unknown {
  return {
    ...inspect,
    ...(isBefore(version, "1.52") ? { Status: undefined } : {}),
    ...(isBefore(version, "1.48") ? { EnableIPv4: undefined } : {}),
  }
}

/** Entries of the list show no containers; before 1.52 they said so. */
function networkList(list: readonly NetworkInspect[], version: string): unknown {
  return list.map((one) => {
    const { Containers, ...summary } = one
    return network((isBefore(version, "1.52") ? one : summary) as NetworkInspect, version)
  })
}

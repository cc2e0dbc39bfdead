import type { JsonMessage } from "../../api/image.ts"
import type { Attachment } from "../containers/stdio/contract.ts"

/** What a stream of JSON objects is called; in `application/json-seq` (RFC 7464) a record separator stands before each. */
export type JsonStreamType = "application/json" | "application/jsonl" | "application/x-ndjson" | "application/json-seq"

/** What a route answers. Values that must be exact for old clients are reshaped by `compat` before they are written. */
export type Reply =
  | { readonly kind: "json"; readonly value: unknown; readonly status: number }
  | { readonly kind: "empty"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | {
      readonly kind: "text"
      readonly status: number
      readonly text: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** The head at once, the value when it is there. */
  | { readonly kind: "late"; readonly value: Promise<unknown> }
  /** A JSON object per line; the head at once. Without a media type: the one that clients of the version expect. */
  | { readonly kind: "objects"; readonly values: AsyncIterable<unknown>; readonly mediaType?: JsonStreamType }
  /**
   * Progress: what fails before the first message is the status, afterwards it goes into the stream. `headFirst`: the status is 200 in any
   * case.
   */
  | { readonly kind: "progress"; readonly messages: AsyncIterable<JsonMessage>; readonly headFirst?: boolean }
  | {
      readonly kind: "bytes"
      readonly contentType: string
      readonly chunks: AsyncIterable<Uint8Array>
      readonly headers?: Readonly<Record<string, string>>
    }
  /** Docker's two stream types, by whether it is multiplexed and the version of the client. */
  | { readonly kind: "stdio"; readonly multiplexed: boolean; readonly chunks: AsyncIterable<Uint8Array> }
  /** Takes the connection over. `bare`: without the headers of ordinary responses. */
  | { readonly kind: "hijack"; readonly attachment: Attachment; readonly bare: boolean }
  | { readonly kind: "websocket"; readonly attachment: Attachment }

export const json = (value: unknown, status = 200): Reply => ({ kind: "json", value, status })

/** 204 unless said otherwise. */
export const empty = (status = 204, headers: Readonly<Record<string, string>> = {}): Reply => ({
  kind: "empty",
  status,
  headers,
})

export const progress = (messages: AsyncIterable<JsonMessage>): Reply => ({ kind: "progress", messages })

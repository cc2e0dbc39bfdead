import type { ExecCreateRequest, ExecCreateResponse, ExecInspect, ExecStartRequest } from "../api/exec.ts"
import type { Hijacked, Transport } from "./transport.ts"

/** `/containers/{id}/exec` and `/exec/…`. */
export class ExecsClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  create(container: string, body: ExecCreateRequest): Promise<ExecCreateResponse> {
    return this.#transport.json("POST", `/containers/${encodeURIComponent(container)}/exec`, { body })
  }

  /** Starts it and hands over its streams. */
  attach(id: string, body: ExecStartRequest): Promise<Hijacked> {
    return this.#transport.hijack("POST", `/exec/${id}/start`, { body })
  }

  /** Starts it without streams. */
  async startDetached(id: string, body: ExecStartRequest): Promise<void> {
    await this.#transport.text("POST", `/exec/${id}/start`, { body })
  }

  inspect(id: string): Promise<ExecInspect> {
    return this.#transport.json("GET", `/exec/${id}/json`)
  }

  async resize(id: string, height: number, width: number): Promise<void> {
    await this.#transport.text("POST", `/exec/${id}/resize`, { query: { h: height, w: width } })
  }
}

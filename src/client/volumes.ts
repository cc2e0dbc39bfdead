import type { Volume, VolumeCreateRequest, VolumesPruneResponse, VolumesResponse } from "../api/volume.ts"
import type { ClientFilters } from "./query.ts"
import type { Transport } from "./transport.ts"

/** `/volumes/…`. */
export class VolumesClient {
  readonly #transport: Transport

  constructor(transport: Transport) {
    this.#transport = transport
  }

  create(body: VolumeCreateRequest): Promise<Volume> {
    return this.#transport.json("POST", "/volumes/create", { body })
  }

  list(filters: ClientFilters): Promise<VolumesResponse> {
    return this.#transport.json("GET", "/volumes", { query: { filters } })
  }

  /** As the daemon wrote it. */
  inspectText(name: string): Promise<string> {
    return this.#transport.text("GET", `/volumes/${encodeURIComponent(name)}`)
  }

  async remove(name: string, force: boolean): Promise<void> {
    await this.#transport.text("DELETE", `/volumes/${encodeURIComponent(name)}`, { query: { force } })
  }

  prune(filters: ClientFilters): Promise<VolumesPruneResponse> {
    return this.#transport.json("POST", "/volumes/prune", { query: { filters } })
  }
}

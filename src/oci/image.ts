import type { Descriptor } from "./descriptor.ts"
import type { Platform } from "./platform.ts"

/** OCI image spec, "Image Manifest" (the Docker schema 2 form has the same fields). */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** OCI image spec, "Image Index" (the Docker manifest list has the same fields). */
export interface Index {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** Docker's health check extension of the image configuration. Durations are nanoseconds. */
export interface HealthcheckConfig {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** How to run an image (OCI image spec, "Image Configuration", `config`, with Docker's extensions). */
export interface ImageRunConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly ArgsEscaped?: boolean
  readonly Healthcheck?: HealthcheckConfig
  readonly OnBuild?: readonly string[] | null
  readonly Shell?: readonly string[]
}

export interface HistoryEntry {
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

/** OCI image spec, "Image Configuration". */
export interface ImageConfig extends Platform {
  readonly created?: string
  readonly author?: string
  readonly config?: ImageRunConfig
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] }
  readonly history?: readonly HistoryEntry[]
  /** What Docker's own builder and `docker commit` add (Docker image specification 1.2): the container it was made of. */
  readonly container?: string
  readonly container_config?: Readonly<Record<string, unknown>>
  readonly docker_version?: string
}

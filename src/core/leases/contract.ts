import type { Scope } from "../scope.ts"

export interface Lease {
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly createdAt: bigint
  /** When it ends by itself, so that a crashed client does not keep things for ever. */
  readonly expiresAt?: bigint
}

export interface LeaseResource {
  /** `content`, `snapshots`, `ingests` */
  readonly type: "content" | "snapshots" | "ingests"
  readonly id: string
}

/** Protects new objects until something permanent refers to them. */
export interface LeaseStore {
  /** @throws alreadyExists */
  create(
    scope: Scope,
    options?: { readonly id?: string; readonly ttlMs?: number; readonly labels?: Readonly<Record<string, string>> },
  ): Promise<Lease>
  /** Runs `work` with a scope whose new objects are protected until it ends. */
  within<T>(scope: Scope, work: (scope: Scope) => Promise<T>): Promise<T>
  add(scope: Scope, lease: string, resource: LeaseResource): Promise<void>
  drop(scope: Scope, lease: string, resource: LeaseResource): Promise<void>
  resources(scope: Scope, lease: string): Promise<readonly LeaseResource[]>
  /** All of the namespace, the oldest first; with filters (containerd's, over `id`, `labels`) those that match one. @throws invalidArgument */
  list(scope: Scope, filters?: readonly string[]): Promise<readonly Lease[]>
  /** @throws notFound */
  remove(scope: Scope, id: string): Promise<void>
}

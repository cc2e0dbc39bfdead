import type { Labels } from "../metadata/labels.ts"

export interface Namespace {
  readonly name: string
  readonly labels: Labels
}

/** The tenants of a data root. One that is first named by a record (an image, a container, a lease …) comes into being with it. */
export interface NamespaceStore {
  /** @throws alreadyExists; invalidArgument for a name that cannot be */
  create(name: string, labels?: Labels): Promise<Namespace>
  /** @throws notFound */
  get(name: string): Promise<Namespace>
  /** All of them, in order. */
  list(): Promise<readonly Namespace[]>
  /** Changes labels, all of them or those of a field mask ({@link updatedLabels}). @throws notFound; invalidArgument for another path */
  updateLabels(name: string, labels: Labels, paths?: readonly string[]): Promise<Namespace>
  /** @throws notFound; conflict while there is something in it */
  remove(name: string): Promise<void>
}

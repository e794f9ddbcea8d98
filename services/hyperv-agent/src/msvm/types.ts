import type { Instance, Reference } from "../wsman/values.ts";
import type { CLASSES, METHODS, WRITABLE } from "./gen/schema.ts";

interface Scalars {
  readonly string: string;
  /** ISO 8601 for a moment; `P0DT0H1M40S` for a time that something takes. */
  readonly datetime: string;
  readonly boolean: boolean;
  readonly uint8: number;
  readonly uint16: number;
  readonly uint32: number;
  readonly uint64: bigint;
  readonly sint8: number;
  readonly sint16: number;
  readonly sint32: number;
  readonly sint64: bigint;
  readonly reference: Reference;
  readonly instance: Instance;
}

export type CimType = keyof Scalars;

type TypeOf<T> = T extends `${infer S extends CimType}[]`
  ? readonly Scalars[S][]
  : T extends CimType
    ? Scalars[T]
    : never;

type Optional<F> = { readonly [P in keyof F]?: TypeOf<F[P]> };

export type ClassName = keyof typeof CLASSES;
/** An instance of a class; a property that the server has no value for is missing. */
export type Msvm<C extends ClassName> = Optional<(typeof CLASSES)[C]>;

export type WritableClass = keyof typeof WRITABLE;
/** What Put can write of an instance. */
export type Changes<C extends WritableClass> = Pick<
  Msvm<C>,
  Extract<(typeof WRITABLE)[C][number], keyof Msvm<C>>
>;

export type MethodClass = keyof typeof METHODS;
export type MethodName<C extends MethodClass> = keyof (typeof METHODS)[C] & string;
type Signature<C extends MethodClass, M extends MethodName<C>> = (typeof METHODS)[C][M];
export type Input<C extends MethodClass, M extends MethodName<C>> =
  Signature<C, M> extends { readonly in: infer F } ? Optional<F> : never;
export type Output<C extends MethodClass, M extends MethodName<C>> =
  Signature<C, M> extends { readonly out: infer F } ? Optional<F> : never;

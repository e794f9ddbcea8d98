export type Literal = string | bigint | boolean | null;

export type Operator = "=" | "<>" | "<" | ">" | "<=" | ">=" | "like" | "isa";

export type Operand =
  /** `Name`, or `TargetInstance.Name` in a query for events. */
  | { readonly kind: "property"; readonly path: readonly string[] }
  | { readonly kind: "literal"; readonly value: Literal }
  /** The name of the host. */
  | { readonly kind: "server" };

export type Condition =
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly inner: Condition }
  | { readonly kind: "compare"; readonly operator: Operator; readonly left: Operand; readonly right: Operand }
  | { readonly kind: "is null"; readonly operand: Operand; readonly negated: boolean };

export interface SelectQuery {
  readonly kind: "select";
  /** Undefined for all of them. */
  readonly properties: readonly string[] | undefined;
  readonly className: string;
  readonly withinSeconds: number | undefined;
  readonly where: Condition | undefined;
}

/** `ASSOCIATORS OF` or `REFERENCES OF` an object. */
export interface AssociationQuery {
  readonly kind: "associators" | "references";
  readonly objectPath: string;
  readonly assocClass: string | undefined;
  readonly resultClass: string | undefined;
  readonly role: string | undefined;
  readonly resultRole: string | undefined;
  readonly keysOnly: boolean;
}

export type Query = SelectQuery | AssociationQuery;

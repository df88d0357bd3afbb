// What the server sends; console/home.go and console/container.go have the same.
export type Home = {
  name: string;
  incidents: Incident[];
  containers: Container[];
  resolved?: Resolved[]; // lately, the last one first
  hidden: number;
  trouble?: string;
};

export type Incident = {
  id: number;
  number: number;
  title: string;
  service: string;
  status: "triggered" | "acknowledged";
  opened_at: string;
  acknowledged_by?: string;
  acknowledged_at?: string;
  restored_at?: string;
  flat_at?: string;
};

export type Resolved = {
  id: number;
  number: number;
  title: string;
  service: string;
  resolved_at: string;
  resolved_by?: string;
};

export type Container = {
  key: string;
  name: string;
  service?: string;
  image: string;
  state: string;
  health?: string;
  tasks?: string; // of a service
  started_at?: string;
  elsewhere?: boolean;
  incident?: number;
  deploy?: { at: string; line: string; undone?: string };
  errors?: { rate: number; minutes: (number | null)[] };
};

export type Page = {
  container: Container;
  seen: string;
  refused?: string;
  deploys: { at: string; changes: string[]; snapshot?: string; together?: string }[];
  snapshots: Offer[] | null; // null: it is not known what can be restored
  restore?: Restore;
  stands?: Restore; // the one before restore that has worked, when restore came to nothing
  shells?: Shell[]; // the last ones that were recorded, newest first
  trouble?: string;
};

export type Shell = {
  recording: string;
  by: string;
  at: string;
  ended?: string; // it runs while there is none
};

export type Offer = {
  name: string;
  reason: string;
  at: string;
  note?: string;
  changes: string[];
  losses?: string[];
  doubt?: string;
  why_not?: string;
  way_out?: boolean;
};

export type Question = {
  seen: string;
  changes: string[];
  says: string[];
  why_not?: string;
};

export type Restore = {
  id: number;
  state: string;
  over: boolean;
  good: boolean;
  says: string;
  by?: string;
  at: string;
  undoable?: boolean;
  undo?: boolean; // it is the undo of another
};

export type Night = {
  incident: Omit<Incident, "status"> & { status: "triggered" | "acknowledged" | "resolved" };
  url?: string;
  resolved_at?: string;
  resolved_by?: string;
  asked?: string;
  refused?: string;
  containers: { key: string; name: string }[];
  earlier?: number; // entries before those
  entries: { seq: number; at: string; kind: string; says: string; who?: string; recording?: string }[];
};

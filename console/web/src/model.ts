// What the server sends; console/home.go has the same.
export type Home = {
  at: string;
  name: string;
  incidents: Incident[];
  containers: Container[];
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

export type Container = {
  key: string;
  name: string;
  service?: string;
  image: string;
  state: string;
  health?: string;
  started_at?: string;
  elsewhere?: boolean;
  incident?: number;
  deploy?: { at: string; line: string };
  errors?: { rate: number; minutes: (number | null)[] };
};

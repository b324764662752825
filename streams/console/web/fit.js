// What "all" shows: the city, however far from it a stray fix lies.

const STRAY = 0.01; // this share of the vehicles at each end, or one, does not say where the city is
const NEAR = 0.1; // degrees around those that do, or as much as they are wide: what lies there belongs to the city
const REACH = 0.5; // the same for open alerts: sensors stand outside, too

/** Degrees from one longitude to another, the short way round. */
export function eastward(from, to) {
  return ((((to - from) % 360) + 540) % 360) - 180;
}

/**
 * The box that holds the city and its open alerts, [west, south, east, north], or null where nothing is.
 * Without cells the alerts say where it is.
 * @param {{corners: number[][], vehicles: number}[]} cells corners: [lon, lat]; vehicles: one at the least.
 * @param {{corners: number[][], vehicles: number}[]} alerts the same; vehicles: one.
 */
export function boxOf(cells, alerts = []) {
  const known = cells.length ? cells : alerts;
  if (!known.length) return null;
  const middle = middleOf(known); // all are taken as east or west of it: a city on both sides of 180° is one
  const placed = known.map((place) => ({ vehicles: place.vehicles, box: boxAround(place.corners, middle) }));
  const [west, east] = nearlyAll(placed, 0);
  const [south, north] = nearlyAll(placed, 1);
  const within = (reach) => {
    const [across, along] = [Math.max(reach, east - west), Math.max(reach, north - south)];
    return (box) => box[0] >= west - across && box[0] <= east + across && box[1] >= south - along && box[1] <= north + along;
  };
  const boxes = (places) => places.map((place) => boxAround(place.corners, middle));
  const near = [...boxes(cells).filter(within(NEAR)), ...boxes(alerts).filter(within(REACH))];
  // Of three or four places that lie far apart none need be in the middle of both axes: then all are the city.
  return (near.length ? near : boxes(known)).reduce((all, box) =>
    box.map((edge, side) => (side < 2 ? Math.min : Math.max)(edge, all[side])),
  );
}

function boxAround(corners, middle) {
  const lons = corners.map(([lon]) => middle + eastward(middle, lon));
  const lats = corners.map(([, lat]) => lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

/** The mean longitude, as of points on a circle. */
function middleOf(cells) {
  let [x, y] = [0, 0];
  for (const { corners, vehicles } of cells) {
    const angle = (corners[0][0] * Math.PI) / 180;
    x += vehicles * Math.cos(angle);
    y += vehicles * Math.sin(angle);
  }
  return (Math.atan2(y, x) * 180) / Math.PI;
}

/** From where to where most vehicles are; side 0: western edges of their cells, 1: southern ones. */
function nearlyAll(placed, side) {
  const sorted = placed.map(({ box, vehicles }) => [box[side], vehicles]).sort((a, b) => a[0] - b[0]);
  const total = sorted.reduce((sum, [, vehicles]) => sum + vehicles, 0);
  const stray = Math.min(Math.max(1, STRAY * total), (total - 1) / 2);
  return [beyond(sorted, stray), beyond(sorted.reverse(), stray)];
}

/** The first edge up to which there are more vehicles than stray ones. */
function beyond(sorted, stray) {
  let sum = 0;
  return sorted.find(([, vehicles]) => (sum += vehicles) > stray)[0];
}

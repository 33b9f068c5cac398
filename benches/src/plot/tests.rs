use super::bars::step;
use super::curves::Axis;
use super::*;

fn figure(case: &str, at: Option<f64>, server: &str, metric: &str, figure: f64) -> RecordedFigure {
    let [case, server, metric, unit] = [case, server, metric, "µs"].map(str::to_owned);
    RecordedFigure { case, at, server, metric, unit, better: Better::Less, figure, rounds: vec![figure] }
}

fn recorded(figures: Vec<RecordedFigure>) -> Recorded {
    let along = "subscribers".to_owned();
    Recorded { along, figures, ..crate::result::tests::recorded("fan-out", 0.0) }
}

#[test]
fn servers_in_one_case_are_bars_with_their_figures() {
    let picture = draw(&recorded(vec![
        figure("small", None, "everstream", "CPU", 2.0),
        figure("small", None, "other", "CPU", 4.0),
        figure("small", None, "everstream", "p50", 1.0),
    ]))
    .unwrap();
    for text in [
        "small: CPU (µs), less is better",
        ">everstream<",
        ">other<",
        ">2.00<",
        ">4.00<",
        "1 &amp; 2",
        "a &lt;fast&gt; one",
    ] {
        assert!(picture.contains(text), "no {text} in {picture}");
    }
    assert!(!picture.contains("p50"));
    // Bars are as long as their figures.
    let widths: Vec<f64> = picture
        .lines()
        .filter(|line| line.contains("rx=\"2\""))
        .map(|line| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(widths.len(), 2);
    assert!((widths[1] - 2.0 * widths[0]).abs() < 0.2, "{widths:?}");
}

#[test]
fn three_points_are_a_curve() {
    let points = [1.0, 100.0, 10_000.0];
    let picture = draw(&recorded(points.map(|at| figure("n", Some(at), "everstream", "CPU", at)).into())).unwrap();
    assert_eq!(picture.matches("<polyline").count(), 1);
    assert_eq!(picture.matches("<circle").count(), 3);
    assert!(picture.contains(">subscribers<"), "{picture}");
}

#[test]
fn one_server_alone_is_nothing_to_compare() {
    assert!(draw(&recorded(vec![figure("small", None, "everstream", "CPU", 2.0)])).is_none());
}

#[test]
fn an_axis_spans_whole_powers_of_ten() {
    let axis = Axis::over([3.0, 40.0, 1_000.0].into_iter());
    assert_eq!(axis.ticks().collect::<Vec<_>>(), [1.0, 10.0, 100.0, 1_000.0]);
    assert_eq!((axis.share(1.0), axis.share(1_000.0), axis.share(0.0)), (0.0, 1.0, 0.0));
    assert_eq!(Axis::over([5.0].into_iter()).ticks().count(), 2);
}

#[test]
fn ticks_are_round() {
    assert_eq!(step(8.0), 2.0);
    assert_eq!(step(7.9), 1.0);
    assert_eq!(step(3_178.0), 500.0);
    assert_eq!(step(0.0), 1.0);
}

//! Charts as SVG through plotters: what is drawn where. `canvas.rs` makes markup of it.

use maud::{Markup, html};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::canvas::Canvas;
pub(crate) use crate::canvas::Paint;
use crate::model::{Chart, Drawn, Scale, Series};
use crate::ticks::{self, Ticks};

/// Width and height of a picture, in units of its own: it is as wide as its column on the page. The style sheet has
/// the size of its letters; plotters is told one to place them by.
const SIZE: (u32, u32) = (520, 300);
const LETTERS: i32 = 15;

/// Letters of a category's name; more do not fit below its bars.
const CATEGORY_LETTERS: usize = 12;
/// Letters that fit below all of a picture.
const LINE_LETTERS: usize = 60;

/// The picture, to stand in a page that defines the colours; `None` where it cannot be drawn.
pub(crate) fn draw(chart: &Chart) -> Option<Markup> {
    let mut elements = Vec::new();
    {
        let root = Canvas::new(SIZE, &mut elements).into_drawing_area();
        picture(chart, &root).ok()?;
    }
    let (width, height) = SIZE;
    Some(html! {
        "\n" svg viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(chart.title) {
            @for element in elements { "\n" (element) }
        }
    })
}

type Area<'a> = DrawingArea<Canvas<'a>, plotters::coord::Shift>;

fn picture(chart: &Chart, root: &Area<'_>) -> Result<(), String> {
    let fail = |error: DrawingAreaErrorKind<_>| error.to_string();
    let points = visible(chart);
    let (x, y) = axes(chart, &points);
    let letters = ("sans-serif", LETTERS).into_font().color(&Paint::Ink.to_plotters());
    let grid = Paint::Grid.to_plotters();
    let mut context = ChartBuilder::on(root)
        .margin(6)
        .margin_right(16)
        .x_label_area_size(46)
        .y_label_area_size(86)
        .build_cartesian_2d(x, y.clone())
        .map_err(fail)?;
    context
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(grid)
        .axis_style(grid)
        .label_style(letters.clone())
        .axis_desc_style(letters.pos(Pos::new(HPos::Center, VPos::Center)))
        .x_labels(16)
        .y_labels(16)
        .x_desc(&chart.x.label)
        .x_label_formatter(&|at| {
            if chart.categories.is_empty() {
                ticks::text(chart.x.unit, *at)
            } else {
                chart.position(*at).chars().take(CATEGORY_LETTERS).collect()
            }
        })
        .y_label_formatter(&|at| ticks::text(chart.y.unit, *at))
        .draw()
        .map_err(fail)?;

    let floor = y.start();
    let bar = |left: f64, right: f64, from: f64, to: f64, series: usize| {
        Rectangle::new([(left, from), (right, to)], Paint::of_series(series).to_plotters().filled())
    };
    match chart.drawn {
        Drawn::Lines => {
            for (at, points) in points.iter().enumerate() {
                let paint = Paint::of_series(at).to_plotters();
                let style = paint.stroke_width(2);
                context
                    .draw_series(LineSeries::new(points.iter().copied(), style))
                    .map_err(fail)?;
                if points.len() <= 40 {
                    let dots = points.iter().map(|point| Circle::new(*point, 3, paint.filled()));
                    context.draw_series(dots).map_err(fail)?;
                }
            }
        }
        Drawn::Bars => {
            let width = 0.7 / points.len().max(1) as f64;
            for (at, points) in points.iter().enumerate() {
                let left = |x: f64| x - 0.35 + at as f64 * width;
                let bars = points
                    .iter()
                    .map(|(x, y)| bar(left(*x), left(*x) + 0.94 * width, floor, *y, at));
                context.draw_series(bars).map_err(fail)?;
            }
        }
        Drawn::Stacked => {
            let mut heights = vec![0.0; chart.categories.len()];
            for (at, points) in points.iter().enumerate() {
                let mut bars = Vec::new();
                for (x, y) in points {
                    let known =
                        heights.iter_mut().enumerate().find(|(index, _)| *index as f64 == *x);
                    if let Some((_, height)) = known {
                        bars.push(bar(x - 0.3, x + 0.3, *height, *height + y, at));
                        *height += y;
                    }
                }
                context.draw_series(bars).map_err(fail)?;
            }
        }
    }
    if let Some(level) = &chart.level
        && y.contains(level.at)
    {
        let across = context.x_range();
        let line = [(across.start, level.at), (across.end, level.at)];
        context
            .draw_series(DashedLineSeries::new(
                line,
                6,
                4,
                Paint::Level.to_plotters().stroke_width(2),
            ))
            .map_err(fail)?;
    }
    Ok(())
}

/// The points that the axes can show.
fn visible(chart: &Chart) -> Vec<Vec<(f64, f64)>> {
    let on =
        |scale: Scale, value: f64| value.is_finite() && (scale == Scale::Linear || value > 0.0);
    let of = |series: &Series| {
        let points = series.points.iter().copied();
        points.filter(|(x, y)| on(chart.x.scale, *x) && on(chart.y.scale, *y)).collect()
    };
    chart.series.iter().map(of).collect()
}

fn axes(chart: &Chart, points: &[Vec<(f64, f64)>]) -> (Ticks, Ticks) {
    let all = || points.iter().flatten();
    let least = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::INFINITY, f64::min);
    let most = |of: fn(&(f64, f64)) -> f64| all().map(of).fold(f64::NEG_INFINITY, f64::max);
    let (mut low, mut high) = (least(|point| point.1), most(|point| point.1));
    if chart.drawn == Drawn::Stacked {
        let sum = |at: usize| {
            all().filter(|point| point.0 == at as f64).map(|point| point.1).sum::<f64>()
        };
        high = (0..chart.categories.len()).map(sum).fold(0.0, f64::max);
    }
    if let Some(level) = &chart.level {
        (low, high) = (low.min(level.at), high.max(level.at));
    }
    if !low.is_finite() || !high.is_finite() {
        (low, high) = (1.0, 10.0);
    }
    let y = Ticks::new(&chart.y, low, high);
    let x = if chart.categories.is_empty() {
        let (low, high) = (least(|point| point.0), most(|point| point.0));
        if low.is_finite() {
            Ticks::tight(&chart.x, low, high)
        } else {
            Ticks::new(&chart.x, 1.0, 10.0)
        }
    } else {
        // As many names as fit side by side.
        let longest =
            chart.categories.iter().map(|name| name.chars().count().min(CATEGORY_LETTERS));
        Ticks::categories(
            chart.categories.len(),
            LINE_LETTERS / (longest.max().unwrap_or(0).max(3) + 1),
        )
    };
    (x, y)
}

//! What plotters draws a chart on: SVG as [`Markup`], in the colours of the page.
//!
//! plotters knows colours as numbers. A [`Paint`] goes through it as a number of its own and comes out as the name of a
//! variable of the page, so that one picture serves light, dark and paper. Text of a chart is escaped by its type, as all
//! text of the page.

use std::convert::Infallible;

use maud::{Markup, Render, html};
use plotters::style::RGBColor;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontTransform,
};

use crate::compare::SERIES_MAX;

/// A colour of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Of letters.
    Ink,
    /// Of axes and the lines across.
    Grid,
    /// Of the level that points are seen against.
    Level,
    /// Of a series: below [`SERIES_MAX`].
    Series(u8),
}

impl Paint {
    /// The colour of series `at`; they begin again after [`SERIES_MAX`].
    pub(crate) fn of_series(at: usize) -> Paint {
        Paint::Series(u8::try_from(at % SERIES_MAX).expect("a remainder of 8"))
    }

    /// As plotters carries it: a kind and an index, and no colour that anybody would see.
    pub(crate) const fn to_plotters(self) -> RGBColor {
        match self {
            Paint::Ink => RGBColor(0, 0, 0),
            Paint::Grid => RGBColor(1, 0, 0),
            Paint::Level => RGBColor(2, 0, 0),
            Paint::Series(index) => RGBColor(3, index, 0),
        }
    }

    fn of_plotters(BackendColor { rgb, .. }: BackendColor) -> Paint {
        match rgb {
            (1, 0, 0) => Paint::Grid,
            (2, 0, 0) => Paint::Level,
            (3, index, 0) => Paint::of_series(index.into()),
            // Black among them, which plotters takes by itself.
            _ => Paint::Ink,
        }
    }
}

impl Render for Paint {
    fn render(&self) -> Markup {
        match self {
            Paint::Ink => html! { "var(--ink-2)" },
            Paint::Grid => html! { "var(--line)" },
            Paint::Level => html! { "var(--level)" },
            Paint::Series(index) => html! { "var(--s" (index + 1) ")" },
        }
    }
}

/// A picture as it grows.
#[derive(Debug)]
pub(crate) struct Canvas<'a> {
    size: (u32, u32),
    elements: &'a mut Vec<Markup>,
}

impl Canvas<'_> {
    /// A canvas of `size` units that puts its elements behind those of `elements`.
    pub(crate) fn new(size: (u32, u32), elements: &mut Vec<Markup>) -> Canvas<'_> {
        Canvas { size, elements }
    }

    /// Adds an element unless nothing of it would be seen.
    fn put(&mut self, colour: BackendColor, element: impl FnOnce(Paint) -> Markup) -> Drawn {
        if colour.alpha > 0.0 {
            self.elements.push(element(Paint::of_plotters(colour)));
        }
        Ok(())
    }
}

/// Nothing fails: it is all text in memory.
type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// `1,2 3,4`, the corners of a line or an area.
fn corners(path: impl IntoIterator<Item = BackendCoord>) -> String {
    let corners: Vec<String> = path.into_iter().map(|(x, y)| format!("{x},{y}")).collect();
    corners.join(" ")
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        self.put(colour, |paint| html! { rect x=(x) y=(y) width="1" height="1" fill=(paint) {} })
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        (x1, y1): BackendCoord,
        (x2, y2): BackendCoord,
        style: &S,
    ) -> Drawn {
        let width = style.stroke_width();
        self.put(style.color(), |paint| {
            html! { line x1=(x1) y1=(y1) x2=(x2) y2=(y2) stroke=(paint) stroke-width=(width) {} }
        })
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Drawn {
        // A bar below the floor has its corners the other way round.
        let (x, y) = (left.min(right), top.min(bottom));
        let (width, height) = (left.abs_diff(right), top.abs_diff(bottom));
        self.put(style.color(), |paint| {
            html! {
                rect x=(x) y=(y) width=(width) height=(height)
                    fill=[fill.then_some(paint)] stroke=[(!fill).then_some(paint)] {}
            }
        })
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let width = style.stroke_width();
        self.put(style.color(), |paint| {
            html! {
                polyline points=(corners(path)) fill="none" stroke=(paint) stroke-width=(width) {}
            }
        })
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        self.put(style.color(), |paint| html! { polygon points=(corners(path)) fill=(paint) {} })
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Drawn {
        self.put(style.color(), |paint| {
            html! {
                circle cx=(x) cy=(y) r=(radius)
                    fill=[fill.then_some(paint)] stroke=[(!fill).then_some(paint)] {}
            }
        })
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let baseline = match style.anchor().v_pos {
            VPos::Top => "hanging",
            VPos::Center => "central",
            VPos::Bottom => "auto",
        };
        let degrees = match style.transform() {
            FontTransform::None => None,
            FontTransform::Rotate90 => Some(90),
            FontTransform::Rotate180 => Some(180),
            FontTransform::Rotate270 => Some(270),
        };
        let turn = degrees.map(|degrees| format!("rotate({degrees} {x} {y})"));
        self.put(style.color(), |paint| {
            html! {
                text x=(x) y=(y) text-anchor=(anchor) dominant-baseline=(baseline)
                    transform=[turn] fill=(paint) { (text) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paint_comes_through_plotters_as_itself() {
        let series = (0..SERIES_MAX).map(Paint::of_series);
        for paint in [Paint::Ink, Paint::Grid, Paint::Level].into_iter().chain(series) {
            let RGBColor(r, g, b) = paint.to_plotters();
            assert_eq!(Paint::of_plotters(BackendColor { alpha: 1.0, rgb: (r, g, b) }), paint);
        }
        assert_eq!(Paint::of_series(SERIES_MAX), Paint::of_series(0));
        assert_eq!(Paint::of_series(1).render().into_string(), "var(--s2)");
    }

    #[test]
    fn what_nobody_sees_is_not_drawn_and_text_is_escaped() {
        let mut elements = Vec::new();
        let mut canvas = Canvas::new((10, 10), &mut elements);
        let unseen = BackendColor { alpha: 0.0, rgb: (0, 0, 0) };
        canvas.draw_line((0, 0), (1, 1), &unseen).unwrap();
        let seen = BackendColor { alpha: 1.0, rgb: (3, 1, 0) };
        canvas.draw_rect((5, 9), (1, 2), &seen, true).unwrap();
        let style = plotters::style::TextStyle::from(("sans-serif", 12));
        canvas.draw_text("</svg>", &style, (1, 2)).unwrap();
        let drawn: Vec<String> = elements.into_iter().map(Markup::into_string).collect();
        assert_eq!(
            drawn,
            [
                "<rect x=\"1\" y=\"2\" width=\"4\" height=\"7\" fill=\"var(--s2)\"></rect>",
                "<text x=\"1\" y=\"2\" text-anchor=\"start\" dominant-baseline=\"hanging\" fill=\"var(--ink-2)\">&lt;/svg&gt;</text>",
            ]
        );
    }
}

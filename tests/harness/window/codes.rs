//! QR codes on the screen, read from a picture of it as the camera of another device would.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::Window;

impl Window {
    /// What the QR codes say that are shown now.
    ///
    /// # Panics
    /// When no picture can be taken.
    pub fn codes(&self, name: &str) -> Vec<String> {
        let picture = self.screenshot(name);
        read(&picture).unwrap_or_else(|error| panic!("{}: {error}", picture.display()))
    }
}

fn read(picture: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut reader = png::Decoder::new(BufReader::new(File::open(picture)?)).read_info()?;
    let mut colours = vec![0; reader.output_buffer_size().ok_or("a picture that is too large")?];
    let frame = reader.next_frame(&mut colours)?;
    let (width, height) = (usize::try_from(frame.width)?, usize::try_from(frame.height)?);
    let grey = |x: usize, y: usize| {
        let pixel = 3 * (y * width + x);
        let sum: u16 = colours[pixel..pixel + 3].iter().map(|part| u16::from(*part)).sum();
        (sum / 3) as u8
    };
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    prepared.detect_grids().iter().map(|code| Ok(code.decode()?.1)).collect()
}
